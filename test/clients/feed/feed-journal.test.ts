import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FileJournal, JournalFullError } from '../../../clients/feed/feed-journal.ts';
import { encodeFrame, encodeSkip } from '../../../clients/feed/feed-frame.ts';
import { suite } from '../../support/suite.ts';

const test = suite('feed journal');
let folder: string;
let path: string;

test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'tickgate-journal-'));
  path = join(folder, 'feed.journal');
});
test.after.each(() => rmSync(folder, { recursive: true, force: true }));

const frame = (seq: number) =>
  encodeFrame(seq, seq - 1, [{ symbol: 'COMI', price: 45.5, volume: seq, timeMicros: 1_700_000_000_000_000 + seq }]);

test('a journal opened again holds instance, attempt, frames and what is committed', async () => {
  const first = new FileJournal({ path });
  first.keepAttempt(3);
  first.append(frame(1));
  first.append(encodeSkip(1, 10));
  first.append(encodeFrame(11, 10, []));
  first.committed(1);
  const { instance } = first;
  await first.close();
  const again = new FileJournal({ path });
  assert.is(again.instance, instance);
  assert.is(again.attempt, 3);
  assert.is(again.committedSeq, 1);
  assert.equal(
    [...again.frames()].map((each) => [each.seq, each.prev, each.skip, each.message]),
    [frame(1), encodeSkip(1, 10), encodeFrame(11, 10, [])].map((each) => [
      each.seq,
      each.prev,
      each.skip,
      each.message,
    ]),
  );
  await again.close();
});

test('a journal without a frame takes a new name: another program may have spoken since', async () => {
  const first = new FileJournal({ path });
  first.keepAttempt(3);
  const { instance } = first;
  await first.close();
  const again = new FileJournal({ path });
  assert.is.not(again.instance, instance);
  assert.is(again.attempt, 0);
  again.append(frame(1));
  again.committed(1);
  const kept = again.instance;
  await again.close();
  const third = new FileJournal({ path });
  assert.is(third.instance, kept, 'its frame may have to be sent again, after a restored database');
  await third.close();
});

test('cut at any byte it keeps every whole record before the cut, and goes on', async () => {
  const journal = new FileJournal({ path });
  const ends: number[] = [];
  for (let seq = 1; seq <= 5; seq++) {
    journal.append(frame(seq));
    ends.push(journal.size);
  }
  await journal.close();
  const whole = readFileSync(path);
  for (let cut = ends[0] ?? 0; cut < whole.length; cut++) {
    writeFileSync(path, whole.subarray(0, cut));
    const again = new FileJournal({ path });
    const expected = ends.filter((end) => end <= cut).length;
    assert.is([...again.frames()].length, expected, `cut at ${cut}`);
    again.append(frame(expected + 1));
    await again.close();
    const last = new FileJournal({ path });
    assert.is([...last.frames()].at(-1)?.seq, expected + 1);
    await last.close();
  }
});

test('a damaged byte ends it there: nothing damaged is ever sent', async () => {
  const journal = new FileJournal({ path });
  for (let seq = 1; seq <= 3; seq++) journal.append(frame(seq));
  await journal.close();
  const bytes = readFileSync(path);
  const at = bytes.length - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const again = new FileJournal({ path });
  assert.equal(
    [...again.frames()].map((each) => each.seq),
    [1, 2],
  );
  await again.close();
});

test('committed frames beyond the grace leave the file', async () => {
  const journal = new FileJournal({ path, graceBytes: 10_000, fsync: 'never' });
  const ticks = Array.from({ length: 2_000 }, (_, i) => ({
    symbol: 'COMI',
    price: 1,
    volume: i,
    timeMicros: 1_700_000_000_000_000,
  }));
  for (let seq = 1; seq <= 500; seq++) {
    journal.append(encodeFrame(seq, seq - 1, ticks));
    journal.committed(seq);
  }
  assert.ok(journal.size < 20 * 1024 * 1024, `${journal.size} bytes`);
  assert.is(statSync(path).size, journal.size);
  journal.append(frame(501));
  await journal.close();
  const again = new FileJournal({ path });
  assert.is(again.committedSeq, 500);
  assert.is([...again.frames()].at(-1)?.seq, 501);
  await again.close();
});

test('its bound is an error with a name, not a loss', async () => {
  const journal = new FileJournal({ path, maxBytes: 2_000 });
  assert.throws(
    () => {
      for (let seq = 1; seq < 100; seq++) journal.append(frame(seq));
    },
    (error: unknown) => error instanceof JournalFullError,
  );
  await journal.close();
});

test('one process at a time', async () => {
  const journal = new FileJournal({ path });
  assert.throws(() => new FileJournal({ path }), /in use by another process/);
  await journal.close();
  writeFileSync(`${path}.lock`, '999999999');
  const after = new FileJournal({ path });
  await after.close();
});
