import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Watermark } from '../../src/flush/chain-filter.ts';
import {
  type BatchLimits,
  type FlushBatch,
  locateRow,
  planBatch,
  type ReadEntry,
  rowsAfter,
} from '../../src/flush/batch-planner.ts';
import type { EntryFrame } from '../../src/stream/stream-entry.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { DAY_MICROS, type Tick } from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';
import { entryOf, frameOf, skipFrame, ticksOf } from './tick-frames.ts';

const test = suite('flush batch');
const START = 1_764_576_000_000_000;
const LIMITS: BatchLimits = { maxTicks: 1_000, maxDays: 366 };
const ROWS = new Map<string, Watermark>([
  ['f', { seq: 5, generation: 'G' }],
  ['g', { seq: 0, generation: 'H' }],
]);

const tick = (price: number, days = 0): Tick => ({
  symbol: 'COMI',
  price,
  volume: 1,
  timeMicros: START + days * DAY_MICROS,
});
const frame = (prev: number, seq: number, count = 1, days = 0): EntryFrame =>
  frameOf(
    prev,
    seq,
    Array.from({ length: count }, (_, at) => tick(seq + at / 1_000, days)),
  );
const plan = (
  entries: readonly ReadEntry[],
  limits: BatchLimits = LIMITS,
  rows: ReadonlyMap<string, Watermark> = ROWS,
): FlushBatch => planBatch(entries, rows, limits, new TickColumns());

const seqs = (batch: FlushBatch): string => batch.frames.map((taken) => `${taken.feed}${taken.frame.seq}`).join(' ');
const passed = (batch: FlushBatch): string => batch.passed.map((entry) => entry.id).join(' ');

test('several feeds in one batch, each from its watermark on', () => {
  const batch = plan([
    entryOf('1', [frame(5, 6), frame(6, 7)]),
    entryOf('2', [frame(0, 3, 2)], { feed: 'g', generation: 'H', writer: 'B' }),
    entryOf('3', [frame(7, 9)], { writer: 'C' }),
  ]);
  assert.is(seqs(batch), 'f6 f7 g3 f9');
  assert.equal(batch.advances, [
    { feed: 'f', generation: 'G', from: 5, to: 9, writer: 'C' },
    { feed: 'g', generation: 'H', from: 0, to: 3, writer: 'B' },
  ]);
  assert.equal(
    ticksOf(batch.columns).map((each) => each.price),
    [6, 7, 3, 3.001, 9],
  );
  assert.equal(
    batch.frames.map((taken) => taken.firstRow),
    [0, 1, 2, 4],
  );
  assert.equal([...batch.assumed], [...ROWS]);
  assert.is(batch.stale.size, 0);
  assert.equal(
    [...rowsAfter(ROWS, batch)],
    [
      ['f', { seq: 9, generation: 'G' }],
      ['g', { seq: 3, generation: 'H' }],
    ],
  );
});

test('a frame that is stored already is passed over, and is not stale', () => {
  const batch = plan([entryOf('1', [frame(3, 4), frame(4, 5)]), entryOf('2', [frame(4, 5), frame(5, 6)])]);
  assert.is(seqs(batch), 'f6');
  assert.is(passed(batch), '1 2');
  assert.is(batch.stale.size, 0);
});

test('an entry that can never be stored is stale, and takes nothing with it', () => {
  const batch = plan([
    entryOf('1', [frame(5, 6)], { generation: 'old' }),
    entryOf('2', [frame(9, 10)], { feed: 'new' }),
    entryOf('3', [frame(5, 6)]),
    entryOf('4', [frame(7, 8)]),
    entryOf('5', [frame(6, 7)]),
  ]);
  assert.is(seqs(batch), 'f6');
  assert.equal([...batch.stale], ['1', '2', '4', '5']);
  assert.is(passed(batch), '1 2 3 4 5');
  assert.equal([...batch.assumed.keys()], ['f']);
});

test('nothing to store is an empty batch', () => {
  const batch = plan([entryOf('1', [frame(1, 2)])]);
  assert.equal([batch.frames.length, batch.advances.length, batch.assumed.size, batch.columns.length], [0, 0, 0, 0]);
  assert.is(passed(batch), '1');
});

test('an entry that could not be read breaks its feed', () => {
  const batch = plan([entryOf('1', [frame(5, 6)]), entryOf('2', []), entryOf('3', [frame(7, 8)])]);
  assert.is(seqs(batch), 'f6');
  assert.equal([...batch.stale], ['2', '3']);
});

const UNREADABLE: ReadonlyArray<readonly [what: string, change: Partial<EntryFrame>]> = [
  ['rows that are none', { rows: Buffer.from([0xc1]) }],
  ['rows cut short', { rows: frame(6, 7, 3).rows.subarray(0, 40) }],
  ['a row too many', { count: 2 }],
  ['a row too few', { count: 4 }],
];
for (const [what, change] of UNREADABLE) {
  const body = (): void => {
    const bad = { ...frame(6, 7, 3), ...change };
    const batch = plan([
      entryOf('1', [frame(5, 6), bad, frame(7, 8)]),
      entryOf('2', [frame(0, 1)], { feed: 'g', generation: 'H' }),
    ]);
    assert.is(seqs(batch), 'f6 g1');
    assert.equal(
      ticksOf(batch.columns).map((each) => each.price),
      [6, 1],
    );
    assert.equal([...batch.stale], ['1']);
  };
  const name = `a frame with ${what} is left out, with all its rows`;
  test(name, body);
}

test('a batch ends with the frame that reaches its ticks; the entry is not passed before it is done', () => {
  const entries = [
    entryOf('1', [frame(5, 6, 4)]),
    entryOf('2', [frame(6, 7, 4), frame(7, 8, 4)]),
    entryOf('3', [frame(8, 9, 4)]),
  ];
  const first = plan(entries, { ...LIMITS, maxTicks: 8 });
  assert.is(seqs(first), 'f6 f7');
  assert.is(passed(first), '1');
  const second = plan(entries.slice(1), { ...LIMITS, maxTicks: 8 }, rowsAfter(ROWS, first));
  assert.is(seqs(second), 'f8 f9');
  assert.is(passed(second), '2 3');
});

test('one frame goes always, however many ticks it has', () => {
  const batch = plan([entryOf('1', [frame(5, 6, 50)]), entryOf('2', [frame(6, 7)])], { ...LIMITS, maxTicks: 1 });
  assert.is(seqs(batch), 'f6');
  assert.is(passed(batch), '1');
});

test('rejected ticks count, and so do frames without a tick', () => {
  const rejecting = frameOf(5, 6, [tick(1)], [0, 2, 3]);
  const entries = [entryOf('1', [rejecting, frameOf(6, 7, [])]), entryOf('2', [frame(7, 8)])];
  assert.is(seqs(plan(entries, { ...LIMITS, maxTicks: 4 })), 'f6');
  assert.is(seqs(plan(entries, { ...LIMITS, maxTicks: 5 })), 'f6 f7 f8');
});

test('a skip moves the watermark and has no rows', () => {
  const batch = plan([entryOf('1', [skipFrame(5, 90), frame(90, 91)])]);
  assert.is(seqs(batch), 'f90 f91');
  assert.is(batch.columns.length, 1);
  assert.is(batch.advances[0]?.to, 91);
});

test('days are bounded: the frame that adds one too many waits', () => {
  const entries = [
    entryOf('1', [frame(5, 6, 1, 0), frame(6, 7, 1, 1), frame(7, 8, 1, 0), frame(8, 9, 1, 2), frame(9, 10, 1, 0)]),
  ];
  const batch = plan(entries, { ...LIMITS, maxDays: 2 });
  assert.is(seqs(batch), 'f6 f7 f8');
  assert.is(batch.columns.length, 3);
  assert.is(passed(batch), '');
  const alone = frameOf(5, 6, [tick(1, 0), tick(1, 1), tick(1, 2)]);
  assert.is(
    seqs(plan([entryOf('1', [alone, frame(6, 7)])], { ...LIMITS, maxDays: 2 })),
    'f6',
    'a frame alone goes always',
  );
});

test('a row is found again: its frame, and its index in it as the feed sent it', () => {
  const batch = plan([
    entryOf('1', [
      frameOf(5, 6, [tick(1), tick(2)], [0, 2]),
      frameOf(6, 7, []),
      frameOf(7, 8, [tick(3)], [0]),
      skipFrame(8, 9),
    ]),
    entryOf('2', [frame(0, 1, 2)], { feed: 'g', generation: 'H' }),
  ]);
  const feedStates = ticksOf(batch.columns).map((_, row) => {
    const found = locateRow(batch, row);
    return `${found?.taken.feed}${found?.taken.frame.seq}[${found?.index}]`;
  });
  assert.equal(feedStates, ['f6[1]', 'f6[3]', 'f8[1]', 'g1[0]', 'g1[1]']);
  assert.is(locateRow(batch, 5), undefined);
  assert.is(locateRow(batch, -1), undefined);
  assert.is(locateRow(plan([]), 0), undefined);
});

function flushInPieces(staleShare: number): void {
  const stream = fc.array(
    fc.record({
      feed: fc.constantFrom('f', 'g'),
      frames: fc.integer({ min: 1, max: 4 }),
      count: fc.nat(5),
      stale: fc.nat(3),
      days: fc.nat(3),
    }),
    { maxLength: 12 },
  );
  const limits = fc.record({ maxTicks: fc.integer({ min: 1, max: 12 }), maxDays: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(stream, limits, (drawn, bound) => {
      const last = new Map([...ROWS].map(([feed, row]) => [feed, row.seq]));
      const entries = drawn.map(({ feed, frames, count, stale, days }, at) => {
        const list: EntryFrame[] = [];
        for (let left = frames; left > 0; left--) {
          const prev = last.get(feed) ?? 0;
          list.push(frame(prev, prev + 1, count, days));
          last.set(feed, prev + 1);
        }
        const generation = stale < staleShare ? 'old' : (ROWS.get(feed)?.generation ?? '');
        if (stale < staleShare) last.set(feed, (last.get(feed) ?? 0) - frames);
        return entryOf(String(at), list, { feed, generation });
      });
      let rows: ReadonlyMap<string, Watermark> = ROWS;
      let rest = entries;
      const stored = new Map<string, number[]>([...ROWS.keys()].map((feed) => [feed, []]));
      for (let batches = 0; rest.length > 0; batches++) {
        assert.ok(batches < 100, 'each batch brings it forward');
        const batch = plan(rest, bound, rows);
        for (const taken of batch.frames) stored.get(taken.feed)?.push(taken.frame.seq);
        assert.is(
          batch.columns.length,
          batch.frames.reduce((sum, taken) => sum + taken.frame.count, 0),
        );
        rows = rowsAfter(rows, batch);
        rest = rest.slice(batch.passed.length);
      }
      for (const [feed, { seq }] of ROWS) {
        const expected = Array.from({ length: (last.get(feed) ?? 0) - seq }, (_, at) => seq + at + 1);
        assert.equal(stored.get(feed), expected);
      }
    }),
    { numRuns: 1_000 },
  );
}

test('in whatever pieces a stream is flushed, each feed gets each of its frames once, in order', () =>
  flushInPieces(0));
test('the same with entries of an old generation among them', () => flushInPieces(1));
