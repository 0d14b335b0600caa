import * as assert from 'uvu/assert';
import { InvariantError } from '../../src/errors.ts';
import { MINUTE_MICROS, turnoverMillionths, type MinuteBar } from '../../src/market/minute-bar.ts';
import { suite } from '../support/suite.ts';
import { mergeBars } from './batches.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { rejectionOf } from './rejection.ts';

const test = suite('minute bars');
let database: FreshDatabase;
test.before(async () => {
  database = await openFreshDatabase();
});
test.after(() => database.close());

/** 2025-12-01T08:00:00Z */
const MINUTE = 1_764_576_000_000_000;

type Tick = readonly [offsetMicros: number, price: number, volume: number];

/** The bar of one batch, its ticks in the order of arrival. */
function barOf(symbol: string, ticks: readonly Tick[], minuteMicros: number = MINUTE): MinuteBar {
  const first = ticks.reduce((best, tick) => (tick[0] < best[0] ? tick : best));
  const last = ticks.reduce((best, tick) => (tick[0] >= best[0] ? tick : best));
  return {
    symbol,
    minuteMicros,
    open: first[1],
    high: Math.max(...ticks.map((tick) => tick[1])),
    low: Math.min(...ticks.map((tick) => tick[1])),
    close: last[1],
    volume: ticks.reduce((sum, tick) => sum + tick[2], 0),
    trades: ticks.length,
    turnoverMillionths: ticks.reduce((sum, tick) => sum + turnoverMillionths(tick[1], tick[2]), 0),
    openMicros: minuteMicros + first[0],
    closeMicros: minuteMicros + last[0],
  };
}

const TIES: ReadonlyArray<{
  readonly name: string;
  readonly batches: readonly (readonly Tick[])[];
  readonly open: number;
  readonly close: number;
}> = [
  {
    name: 'one batch',
    batches: [
      [
        [5, 10, 1],
        [9, 12, 1],
      ],
    ],
    open: 10,
    close: 12,
  },
  { name: 'a later batch moves the close', batches: [[[5, 10, 1]], [[9, 12, 1]]], open: 10, close: 12 },
  {
    name: 'an earlier tick in a later batch moves the open alone',
    batches: [[[5, 10, 1]], [[1, 8, 1]]],
    open: 8,
    close: 10,
  },
  {
    name: 'at the open’s time the first to arrive keeps it',
    batches: [
      [[5, 10, 1]],
      [
        [5, 11, 1],
        [9, 12, 1],
      ],
    ],
    open: 10,
    close: 12,
  },
  {
    name: 'at the close’s time the last to arrive takes it',
    batches: [
      [
        [5, 10, 1],
        [9, 12, 1],
      ],
      [[9, 13, 1]],
    ],
    open: 10,
    close: 13,
  },
  {
    name: 'one time for all: first and last to arrive',
    batches: [[[7, 10, 1]], [[7, 30, 1]], [[7, 20, 1]]],
    open: 10,
    close: 20,
  },
  {
    name: 'a tick between moves neither',
    batches: [
      [
        [1, 10, 1],
        [9, 12, 1],
      ],
      [[5, 99, 1]],
    ],
    open: 10,
    close: 12,
  },
  { name: 'one microsecond earlier', batches: [[[5, 10, 1]], [[4, 11, 1]]], open: 11, close: 10 },
];

TIES.forEach(({ name, batches, open, close }, index) => {
  test(`ties: ${name}`, async () => {
    const symbol = `TIE${index}`;
    let stored: readonly MinuteBar[] = [];
    for (const ticks of batches) stored = await mergeBars(database.client, 'egx', [barOf(symbol, ticks)]);
    const all = batches.flat();
    const times = all.map((tick) => MINUTE + tick[0]);
    assert.equal(stored, [
      { ...barOf(symbol, all), open, close, openMicros: Math.min(...times), closeMicros: Math.max(...times) },
    ]);
  });
});

test('what is returned is what is stored, to the microsecond', async () => {
  const bar = barOf('MICRO', [
    [1, 45.5, 1000],
    [59_999_999, 45.25, 7],
  ]);
  const [stored] = await mergeBars(database.client, 'egx', [bar]);
  assert.equal(stored, bar);
  const { rows } = await database.client.query<Record<string, unknown>>(
    `SELECT time = '2025-12-01 08:00:00Z' AS minute, open, close, volume::text, trades::text, turnover::text,
            open_time = '2025-12-01 08:00:00.000001Z' AS first, close_time = '2025-12-01 08:00:59.999999Z' AS last
     FROM egx_bars_1m WHERE symbol = 'MICRO'`,
  );
  assert.equal(rows[0], {
    minute: true,
    open: 45.5,
    close: 45.25,
    volume: '1007',
    trades: '2',
    turnover: '45816.750000',
    first: true,
    last: true,
  });
});

test('sums are the same in whatever batches the ticks come', async () => {
  const ticks = Array.from({ length: 300 }, (_, i): Tick => [i, 0.1 + (i % 97) * 0.013, 1 + ((i * 7919) % 100_003)]);
  const sums = new Set<string>();
  for (const size of [1, 7, 64, 300]) {
    const symbol = `SPLIT${size}`;
    for (let i = 0; i < ticks.length; i += size) {
      await mergeBars(database.client, 'egx', [barOf(symbol, ticks.slice(i, i + size))]);
    }
    const { rows } = await database.client.query<{ sums: string }>(
      `SELECT concat_ws(' ', volume, trades, turnover) AS sums FROM egx_bars_1m WHERE symbol = $1`,
      [symbol],
    );
    sums.add(rows[0]?.sums ?? '');
  }
  assert.is(sums.size, 1, [...sums].join(' | '));
});

test('many symbols and minutes come back in the order given', async () => {
  const bars = ['A"\\{}', 'B,C', 'NULL', 'ZZ'].flatMap((symbol) =>
    [0, 1, 2].map((minute) => barOf(symbol, [[3, 1.5, 2]], MINUTE + minute * MINUTE_MICROS)),
  );
  assert.equal(await mergeBars(database.client, 'egx', bars), bars);
});

test('volumes and turnovers beyond 2^53 are added, not overflowed', async () => {
  const bar = barOf('HUGE', [[0, 999_999_999_999, 1_000_000_000_000]]);
  await mergeBars(database.client, 'egx', [bar]);
  const [stored] = await mergeBars(database.client, 'egx', [bar]);
  assert.is(stored?.volume, 2e12);
  assert.ok(Math.abs((stored?.turnoverMillionths ?? 0) / (2 * bar.turnoverMillionths) - 1) < 1e-12);
});

test('bars out of order or twice are refused', async () => {
  const [a, b] = [barOf('A', [[0, 1, 1]]), barOf('B', [[0, 1, 1]])];
  for (const bars of [
    [b, a],
    [a, a],
  ]) {
    assert.instance(await rejectionOf(mergeBars(database.client, 'egx', bars)), InvariantError);
  }
});

test('days are cut at midnight in Cairo, through both changes of summer time', async () => {
  // Egypt: summer time began on 2025-04-25 at 00:00 (→ 01:00) and ended on 2025-10-30 at 24:00 (→ 23:00).
  const cases: ReadonlyArray<readonly [tick: string, day: string]> = [
    ['2025-04-24T21:59:00Z', '2025-04-23 22:00:00+00'], // Thursday 23:59 winter time
    ['2025-04-24T22:00:00Z', '2025-04-24 22:00:00+00'], // Friday 01:00 summer time, the day's first minute
    ['2025-04-25T20:59:00Z', '2025-04-24 22:00:00+00'], // Friday 23:59 summer time
    ['2025-04-25T21:00:00Z', '2025-04-25 21:00:00+00'], // Saturday 00:00
    ['2025-10-30T20:59:00Z', '2025-10-29 21:00:00+00'], // Thursday 23:59, first time
    ['2025-10-30T21:59:00Z', '2025-10-29 21:00:00+00'], // Thursday 23:59, second time
    ['2025-10-30T22:00:00Z', '2025-10-30 22:00:00+00'], // Friday 00:00 winter time
    ['2025-12-01T08:00:00Z', '2025-11-30 22:00:00+00'],
  ];
  await mergeBars(
    database.client,
    'egx',
    cases.map(([tick]) => barOf('CAIRO', [[0, 1, 1]], Date.parse(tick) * 1000)),
  );
  const { rows } = await database.client.query<{ time: string; trades: string }>(
    `SELECT to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"+00"') AS time, trades::text
     FROM egx_bars_1d WHERE symbol = 'CAIRO' ORDER BY time`,
  );
  const expected = new Map<string, number>();
  for (const [, day] of cases) expected.set(day, (expected.get(day) ?? 0) + 1);
  assert.equal(new Map(rows.map((row) => [row.time, Number(row.trades)])), expected);
});

test('longer bars open with their first minute and close with their last', async () => {
  const prices: ReadonlyArray<readonly [open: number, high: number, low: number, close: number]> = [
    [10, 15, 9, 11],
    [11, 12, 8, 9],
    [9, 20, 9, 19],
  ];
  const bars = prices.map(([open, high, low, close], i) => ({
    ...barOf('LONG', [[i, 1, 5]], MINUTE + i * 2 * MINUTE_MICROS),
    open,
    high,
    low,
    close,
  }));
  await mergeBars(database.client, 'egx', bars);
  const read = async (view: string): Promise<unknown[]> =>
    (
      await database.client.query(
        `SELECT extract(epoch FROM time)::int AS at, open, high, low, close, volume::int AS volume, trades::int AS trades
         FROM ${view} WHERE symbol = 'LONG' ORDER BY time`,
      )
    ).rows;
  const at = MINUTE / 1_000_000;
  assert.equal(await read('egx_bars_5m'), [{ at, open: 10, high: 20, low: 8, close: 19, volume: 15, trades: 3 }]);
  assert.equal(await read('egx_bars_15m'), await read('egx_bars_5m'));
  assert.equal(await read('egx_bars_1h'), await read('egx_bars_5m'));
});
