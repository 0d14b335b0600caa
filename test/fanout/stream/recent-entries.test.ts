import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { RecentEntries } from '../../../src/fanout/stream/recent-entries.ts';
import type { RawLiveEntry } from '../../../src/stream/live-message.ts';
import { suite } from '../../support/suite.ts';
import { liveEntry } from '../entries.ts';

const test = suite('RecentEntries');
/** With its overhead an entry of the tests takes 1,000 bytes. */
const DATA_BYTES = 744;

const kept = (entry: RawLiveEntry | undefined): Partial<RawLiveEntry> => ({
  id: entry?.id ?? '',
  liveSeq: entry?.liveSeq ?? 0,
  shownUpTo: entry?.shownUpTo ?? 0,
  data: entry?.data ?? Buffer.alloc(0),
});

const numbers = (entries: ReturnType<RecentEntries['after']>): number[] | undefined =>
  entries?.map(({ liveSeq }) => liveSeq);

test('what follows a number, bounded by bytes; nothing where the first of it is gone', () => {
  const recent = new RecentEntries(10_000);
  assert.is(recent.after(0, 1e9), undefined);
  for (let liveSeq = 1; liveSeq <= 20; liveSeq++) recent.push(liveEntry(liveSeq, DATA_BYTES));
  assert.equal(numbers(recent.after(15, 1e9)), [16, 17, 18, 19, 20]);
  assert.equal(numbers(recent.after(15, 2_500)), [16, 17, 18]);
  assert.equal(numbers(recent.after(20, 1e9)), []);
  assert.equal(numbers(recent.after(10, 1e9))?.length, 10);
  assert.is(recent.after(9, 1e9), undefined);
});

test('a hole clears it: what is there is always without holes', () => {
  const recent = new RecentEntries(1e6);
  for (const liveSeq of [1, 2, 5, 6]) recent.push(liveEntry(liveSeq, DATA_BYTES));
  assert.is(recent.after(2, 1e9), undefined);
  assert.equal(numbers(recent.after(4, 1e9)), [5, 6]);
});

test('a single entry larger than the bound is kept', () => {
  const recent = new RecentEntries(10);
  recent.push(liveEntry(1, DATA_BYTES));
  recent.push(liveEntry(2, DATA_BYTES));
  assert.equal(numbers(recent.after(1, 1)), [2]);
});

test('a hundred thousand entries pass through, the bound holds', () => {
  const recent = new RecentEntries(100_000);
  for (let liveSeq = 1; liveSeq <= 100_000; liveSeq++) recent.push(liveEntry(liveSeq, DATA_BYTES));
  assert.equal(numbers(recent.after(99_998, 1e9)), [99_999, 100_000]);
  assert.is(recent.after(99_800, 1e9), undefined);
  assert.is(recent.after(99_900, 1e9)?.length, 100);
});

test('whatever their sizes, the bytes come back as they were, and copies stay as they are', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 200 }), (sizes) => {
      const recent = new RecentEntries(4_000);
      const pushed = sizes.map((size, at) => ({ ...liveEntry(at + 1, 0), data: Buffer.alloc(size, at) }));
      let early: ReturnType<RecentEntries['after']>;
      for (const entry of pushed) {
        recent.push(entry);
        early ??= recent.after(0, 1e9);
      }
      assert.equal(early, [kept(pushed[0])]);
      const oldest = pushed.find(({ liveSeq }) => recent.after(liveSeq - 1, 1e9) !== undefined);
      const found = recent.after((oldest?.liveSeq ?? 0) - 1, 1e9);
      assert.equal(found, pushed.slice(pushed.length - (found?.length ?? 0)).map(kept));
      // Everything that the bound leaves room for is there.
      const [next] = pushed.slice(0, -(found?.length ?? 0)).slice(-1);
      const bytes = (found ?? []).reduce((sum, { data }) => sum + data.length + 256, 0);
      assert.ok(next === undefined || bytes + next.data.length + 256 > 4_000 - 900);
    }),
    { numRuns: 300 },
  );
});
