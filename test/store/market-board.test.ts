import * as assert from 'uvu/assert';
import type { BoardRow } from '../../src/market/market-board.ts';
import { readBoard } from '../../src/store/market-board.ts';
import { suite } from '../support/suite.ts';
import { barsOf, storeBatch, type TestTick } from './batches.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';

const test = suite('market board');
const MINUTE = 60_000_000;
/** Mondays and Tuesdays of Cairo begin at 22:00 UTC of the day before in winter. */
const MONDAY = Date.parse('2025-11-30T22:00:00Z') * 1_000;
const TUESDAY = MONDAY + 86_400_000_000;
let database: FreshDatabase;

const tick = (symbol: string, timeMicros: number, price: number, volume: number): TestTick => ({
  symbol,
  timeMicros,
  price,
  volume,
});
const TAPE = [
  tick('BOTH', MONDAY, 10, 100),
  tick('BOTH', TUESDAY - 1, 11, 50),
  tick('BOTH', TUESDAY, 12, 7),
  tick('BOTH', TUESDAY + 3 * MINUTE, 9.5, 1),
  tick('BOTH', TUESDAY + 3 * MINUTE + 5, 11.5, 2),
  tick('NEW', TUESDAY + MINUTE, 3, 4),
  tick('OLD', MONDAY + MINUTE, 5, 6),
];

test.before(async () => {
  database = await openFreshDatabase();
});
test.after(() => database.close());

const board = (day?: string): ReturnType<typeof readBoard> => readBoard(database.client, 'egx', 'Africa/Cairo', day);

test('nothing stored', async () => {
  assert.equal(await board(), { day: undefined, beginMicros: 0, endMicros: 0, rows: [] });
  assert.equal(await board('2025-12-01'), { day: '2025-12-01', beginMicros: 0, endMicros: 0, rows: [] });
});

test('the last day with ticks: the close before it, and the day’s bars summed up', async () => {
  await storeBatch(database.client, 'egx', TAPE);
  const shown = await board();
  assert.equal([shown.day, shown.beginMicros, shown.endMicros], ['2025-12-02', TUESDAY, TUESDAY + 86_400_000_000]);
  const both: BoardRow = {
    symbol: 'BOTH',
    previous: { close: 11, closeMicros: TUESDAY - 1 },
    day: {
      open: 12,
      high: 12,
      low: 9.5,
      close: 11.5,
      closeMicros: TUESDAY + 3 * MINUTE + 5,
      volume: 10,
      trades: 3,
      turnoverMillionths: (84 + 9.5 + 23) * 1e6,
    },
  };
  const [bar] = barsOf([tick('NEW', TUESDAY + MINUTE, 3, 4)]);
  assert.equal(shown.rows, [
    both,
    {
      symbol: 'NEW',
      previous: undefined,
      day: {
        open: 3,
        high: 3,
        low: 3,
        close: 3,
        closeMicros: TUESDAY + MINUTE,
        volume: 4,
        trades: 1,
        turnoverMillionths: bar?.turnoverMillionths ?? 0,
      },
    },
    { symbol: 'OLD', previous: { close: 5, closeMicros: MONDAY + MINUTE }, day: undefined },
  ]);
});

test('an earlier day knows nothing of later ones', async () => {
  const shown = await board('2025-12-01');
  assert.equal(
    shown.rows.map((row) => [row.symbol, row.previous?.close, row.day?.close, row.day?.volume]),
    [
      ['BOTH', undefined, 11, 150],
      ['OLD', undefined, 5, 6],
    ],
  );
});

test('a day after all ticks has only the closes before', async () => {
  const shown = await board('2025-12-05');
  assert.equal(
    shown.rows.map((row) => [row.symbol, row.previous?.close, row.day]),
    [
      ['BOTH', 11.5, undefined],
      ['NEW', 3, undefined],
      ['OLD', 5, undefined],
    ],
  );
});

test('the day on which clocks change has its own length', async () => {
  const shown = await board('2026-04-24');
  assert.is(shown.endMicros - shown.beginMicros, 23 * 3_600_000_000);
});
