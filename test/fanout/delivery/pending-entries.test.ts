import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { PendingEntries, type PendingPart } from '../../../src/fanout/delivery/pending-entries.ts';
import { suite } from '../../support/suite.ts';
import { listOf, numbersOf } from '../row-lists.ts';

const test = suite('PendingEntries');

const MAX_FRAME_TICKS = 512;
const RUN = 'a'.repeat(8);

interface Pending {
  readonly entries: PendingEntries;
  /** Where each entry ends. */
  readonly ends: readonly number[];
}

function pendingOf(sizes: readonly number[]): Pending {
  const entries = new PendingEntries();
  const ends: number[] = [];
  for (const size of sizes) {
    const fromRow = ends.at(-1) ?? 0;
    const number = ends.push(fromRow + size) - 1;
    const cursor = { run: RUN, streamId: 'i', id: `${number}-0`, liveSeq: number };
    assert.is(entries.add({ fromRow, toRow: fromRow + size, acceptedAtMs: 1_000 + number, cursor }), number);
  }
  return { entries, ends };
}

/** What holds for the parts of any reading. */
function checkParts(parts: readonly PendingPart[], { ends }: Pending, fromEntry: number): void {
  let first = fromEntry;
  for (const [at, part] of parts.entries()) {
    assert.is(part.toRow, ends[part.lastEntry], 'a part ends where its last entry ends');
    assert.is(part.fromRow, ends[first - 1] ?? 0, 'and begins behind the part before');
    assert.is(part.fromMs, 1_000 + first);
    assert.is(part.toMs, 1_000 + part.lastEntry);
    if (at === parts.length - 1) assert.is(part.lastEntry, ends.length - 1, 'the last part reaches the end');
    first = part.lastEntry + 1;
  }
}

const someSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 200, max: 900 })), {
  minLength: 1,
  maxLength: 60,
});

test('all ticks: in frames that end with an entry, none larger than it must be', () => {
  fc.assert(
    fc.property(someSizes, fc.nat(59), (sizes, from) => {
      const fromEntry = from % sizes.length;
      const pending = pendingOf(sizes);
      const parts = pending.entries.all(fromEntry);
      checkParts(parts, pending, fromEntry);
      parts.forEach((part, at) => {
        const count = part.toRow - part.fromRow;
        const isOneEntry = part.fromRow === (pending.ends[part.lastEntry - 1] ?? 0);
        assert.ok(count <= MAX_FRAME_TICKS || isOneEntry, `${count} ticks`);
        const next = pending.ends[part.lastEntry + 1];
        if (at < parts.length - 1)
          assert.ok((next ?? 0) - part.fromRow > MAX_FRAME_TICKS, 'the next entry did not fit');
      });
    }),
    { numRuns: 500 },
  );
});

test('some ticks: each once, in order, behind the position of the entry that they are of', () => {
  fc.assert(
    fc.property(someSizes, fc.nat(59), fc.integer({ min: 1, max: 4 }), (sizes, from, every) => {
      const fromEntry = from % sizes.length;
      const pending = pendingOf(sizes);
      const firstRow = pending.ends[fromEntry - 1] ?? 0;
      const total = pending.ends.at(-1) ?? 0;
      const rows = Array.from({ length: total - firstRow }, (_, at) => firstRow + at).filter(
        (row) => row % every === 0,
      );
      const parts = pending.entries.of(listOf(rows), fromEntry);
      checkParts(parts, pending, fromEntry);
      assert.equal(
        parts.flatMap((part) => numbersOf(part.rows)),
        rows,
      );
      for (const part of parts) {
        const own = numbersOf(part.rows);
        assert.ok(own.every((row) => row >= part.fromRow && row < part.toRow));
        const entriesWithRows = new Set(own.map((row) => pending.ends.findIndex((end) => row < end)));
        assert.ok(own.length <= MAX_FRAME_TICKS || entriesWithRows.size === 1, `${own.length} ticks`);
      }
    }),
    { numRuns: 500 },
  );
});

test('a position is that of the stream after the entry, in either codec', () => {
  const { entries } = pendingOf([3, 4]);
  for (const codec of ['json', 'msgpack'] as const) {
    const [first, second] = [entries.position(0, codec), entries.position(1, codec)];
    assert.ok(first?.includes('0-0'), String(first));
    assert.ok(second?.includes('1-0'), String(second));
    assert.is(entries.position(1, codec), second, 'made once');
  }
  entries.clear();
  assert.is(entries.position(0, 'json'), undefined);
});
