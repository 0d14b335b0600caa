import * as assert from 'uvu/assert';
import { BatchReader } from '../../src/flush/batch-reader.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { frameOf } from './tick-frames.ts';

const test = suite('batch reader');
const MIN_PAGE = 16;
const tick = { symbol: 'COMI', price: 1, volume: 1, timeMicros: 1_764_576_000_000_000 };

/** A stream of `count` entries of one tick each. */
function streamOf(count: number): FakeBuffer {
  const buffer = new FakeBuffer();
  for (let seq = 1; seq <= count; seq++) buffer.append([frameOf(seq - 1, seq, [tick])]);
  return buffer;
}

const ids = ({ entries }: { readonly entries: ReadonlyArray<{ readonly id: string }> }): string[] =>
  entries.map(({ id }) => id);

test('reading does not move the cursor, moveTo does', async () => {
  const reader = new BatchReader(streamOf(2));
  const first = await reader.next(1);
  assert.is(reader.cursor, undefined);
  assert.equal(ids(await reader.next(1)), ids(first), 'the same again');
  reader.moveTo('1-0', first);
  assert.is(reader.cursor, '1-0');
  assert.equal(ids(await reader.next(1)), ['2-0']);
});

test('a batch tells its stream, its backlog and whether it reached the end', async () => {
  const buffer = streamOf(3);
  const { run, streamId, pendingTicks, atEnd, entries } = await new BatchReader(buffer).next(100);
  assert.equal([run, streamId, pendingTicks, atEnd], ['run-1', 'stream-1', 3, true]);
  const [entry] = entries;
  assert.equal([entry?.feed, entry?.generation, entry?.total], ['f', 'G', 1]);
  assert.is(entry?.bytes, (buffer.entries[0]?.data.length ?? 0) + '1-0'.length + 'f'.length + 'G'.length);
});

test('reads page by page until the ticks are enough', async () => {
  const buffer = streamOf(100);
  const reader = new BatchReader(buffer);
  const batch = await reader.next(17);
  assert.equal(
    buffer.reads.map(({ cursor }) => cursor),
    [undefined, `${MIN_PAGE}-0`],
  );
  assert.ok(batch.entries.length >= 17, 'a whole page more than asked for');
});

test('pages grow with what entries turn out to weigh, within their bounds', async () => {
  const buffer = streamOf(10_000);
  const reader = new BatchReader(buffer);
  const { entries, atEnd } = await reader.next(10_000);
  assert.equal([entries.length, atEnd], [10_000, true]);
  const sizes = buffer.reads.map(({ maxEntries }) => maxEntries);
  assert.is(sizes[0], MIN_PAGE);
  assert.is(sizes[1], 4_096, 'small entries: the largest page');
  assert.is(new Set(ids({ entries })).size, 10_000, 'each once');
});

test('large entries: pages of two megabytes, and a batch ends at 48 of them', async () => {
  const buffer = new FakeBuffer();
  const raw = Buffer.alloc(1024 * 1024);
  for (let seq = 1; seq <= 80; seq++) {
    const rejected = [{ index: 0, reason: 'price_invalid' as const, raw }];
    buffer.append([{ ...frameOf(seq - 1, seq, []), rejected }]);
  }
  const reader = new BatchReader(buffer);
  const { entries, atEnd } = await reader.next(1_000);
  assert.equal([entries.length, atEnd], [48, false]);
  assert.ok(buffer.reads.every(({ maxEntries }) => maxEntries === MIN_PAGE));
});

test('rewind: from the start of the stream', async () => {
  const reader = new BatchReader(streamOf(2));
  reader.moveTo('2-0', await reader.next(1));
  assert.equal(ids(await reader.next(1)), []);
  reader.rewind();
  assert.equal(ids(await reader.next(2)), ['1-0', '2-0']);
});

test('reads behind another entry where asked, for a batch that is prefetched', async () => {
  const reader = new BatchReader(streamOf(3));
  await reader.next(1);
  assert.equal(ids(await reader.next(10, '2-0')), ['3-0']);
  assert.is(reader.cursor, undefined);
});

const CHANGES: ReadonlyArray<readonly [what: string, change: (buffer: FakeBuffer) => void]> = [
  ['another run of Redis', (buffer) => void (buffer.run = 'run-2')],
  ['another stream id', (buffer) => void (buffer.streamId = 'stream-2')],
  ['no stream any more', (buffer) => void (buffer.streamId = undefined)],
];
for (const [what, change] of CHANGES) {
  test(`${what}: the cursor means nothing, and reading begins at the start`, async () => {
    const buffer = streamOf(3);
    const reader = new BatchReader(buffer);
    reader.moveTo('2-0', await reader.next(10));
    change(buffer);
    const outdated = await reader.next(10);
    assert.equal([ids(outdated), outdated.atEnd, reader.cursor], [[], false, undefined], 'nothing, and not the end');
    assert.equal(ids(await reader.next(10)), ['1-0', '2-0', '3-0']);
  });

  test(`${what}: a batch of the stream before does not move the cursor`, async () => {
    const buffer = streamOf(3);
    const reader = new BatchReader(buffer);
    const before = await reader.next(10);
    change(buffer);
    await reader.next(10);
    reader.moveTo('2-0', before);
    assert.is(reader.cursor, undefined);
  });

  test(`${what}, noticed between two pages: the batch is dropped`, async () => {
    const buffer = streamOf(40);
    let pages = 0;
    buffer.onCall = () => (++pages === 2 ? change(buffer) : undefined);
    const batch = await new BatchReader(buffer).next(1_000);
    assert.equal([ids(batch), batch.atEnd], [[], false]);
  });
}

test('another stream, read from its start: nothing was assumed, so the batch is good', async () => {
  const buffer = streamOf(2);
  const reader = new BatchReader(buffer);
  await reader.next(10);
  buffer.streamId = 'stream-2';
  assert.equal(ids(await reader.next(10)), ['1-0', '2-0']);
});

test('an entry that cannot be read, or is of another feed, counts as one without frames', async () => {
  const buffer = streamOf(3);
  const [first, second, third] = buffer.entries;
  assert.ok(first && second && third);
  buffer.entries = [{ ...first, data: Buffer.from([9, 9]) }, { ...second, feed: 'another' }, third];
  const { entries } = await new BatchReader(buffer).next(10);
  assert.equal(
    entries.map(({ feed, content }) => [feed, content.feed, content.frames.length]),
    [
      ['f', 'f', 0],
      ['another', 'another', 0],
      ['f', 'f', 1],
    ],
  );
});

test('an error of the source is thrown, and changes nothing', async () => {
  const buffer = streamOf(2);
  const reader = new BatchReader(buffer);
  reader.moveTo('1-0', await reader.next(1));
  buffer.failing = 'read';
  const failure: unknown = await reader.next(1).catch((error: unknown) => error);
  assert.instance(failure, Error);
  buffer.failing = undefined;
  assert.equal([reader.cursor, ids(await reader.next(1))], ['1-0', ['2-0']]);
});
