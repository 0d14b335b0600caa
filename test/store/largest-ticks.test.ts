import type { Client } from 'pg';
import * as assert from 'uvu/assert';
import { BatchEncoder } from '../../src/flush/batch-encoder.ts';
import { planBatch } from '../../src/flush/batch-planner.ts';
import { type FlushStore, runFlushTransaction } from '../../src/flush/flush-transaction.ts';
import { BAR_INTERVALS } from '../../src/market/bar-interval.ts';
import { barsAnswer, boardAnswer, lastAnswer, ticksAnswer, topAnswer } from '../../src/http/api-answers.ts';
import { MINUTE_MICROS, type MinuteBar, turnoverMillionths } from '../../src/market/minute-bar.ts';
import { decodeFlushNotice, encodeFlushNotice } from '../../src/stream/flush-notice.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { checkPrice, checkVolume, MAX_PRICE, MAX_VOLUME, type Tick } from '../../src/market/tick.ts';
import { rebuildBars } from '../../src/store/rebuild-bars.ts';
import { upsertBars } from '../../src/store/upsert-bars.ts';
import { entryOf, frameOf } from '../flush/tick-frames.ts';
import { type ApiServer, createApiServer } from '../http/api-server.ts';
import { suite } from '../support/suite.ts';
import { type FreshDatabase, openFreshDatabase } from './fresh-database.ts';

/** The largest and smallest ticks that are valid, stored as a flush stores them and read by every query there is. */
const test = suite('largest and smallest ticks', { timeoutMs: 60_000 });
/** 2025-12-01T08:00:00Z, and the day in Cairo that it lies in. */
const START = 1_764_576_000_000_000;
const DAY = 86_400_000_000;
const DATE = '2025-12-01';
/** The greatest number below 10^12. */
const LARGEST_PRICE = MAX_PRICE - 2 ** -13;
const SMALLEST_PRICE = Number.MIN_VALUE;
/** Turnovers as an answer gives them are doubles: half a unit of their last place. */
const DOUBLE_ERROR = 2 ** -52;

type Print = readonly [price: number, volume: number];

const repeat = (count: number, print: Print): Print[] => Array.from({ length: count }, () => print);

/** Of each symbol its ticks, a second apart. */
const TAPES: Readonly<Record<string, readonly Print[]>> = {
  // One tick of the issue, by itself.
  ONE: [[999_999_999_999, MAX_VOLUME]],
  // Many of the largest, with ordinary ones among them whose last millionth must not be lost.
  MANY: [...repeat(150, [LARGEST_PRICE, MAX_VOLUME]), [45.500_001, 3], ...repeat(150, [LARGEST_PRICE, MAX_VOLUME - 1])],
  // Block trades in a currency of small units: each tick is below 2^53 millionths, a minute of them is not.
  BLOCKS: Array.from({ length: 300 }, (_, i): Print => [25_350.25 + i * 0.01, 90_001 + i * 7]),
  // Whole millionths between 2^53 and 2^54: every other one has no number.
  ODD: [
    [9_007_199_254.740_992, 1],
    ...repeat(7, [0.000_001, 1]),
    [9_007_199_254.740_99, 1],
    [0.000_003, 1],
    [3e9, 5],
    [0.000_001, 1],
  ],
  // Turnovers that are less than half a millionth, and prices that are not normal numbers.
  SMALL: [
    [SMALLEST_PRICE, 1],
    [SMALLEST_PRICE, MAX_VOLUME],
    [SMALLEST_PRICE, 0],
    [1e-9, 1],
    [4.9e-7, 1],
    [5e-7, 1],
    [2.2e-308, 7],
  ],
  NONE: [[LARGEST_PRICE, 0]],
};

const ticksOf = (symbol: string, startMicros = START): Tick[] =>
  (TAPES[symbol] ?? []).map(([price, volume], second) => ({
    symbol,
    price,
    volume,
    timeMicros: startMicros + second * 1_000_000,
  }));

let database: FreshDatabase;
let api: ApiServer;
const flushed = new Map<string, MinuteBar>();

/** Stores ticks in one flush transaction, and keeps the bars that it returns for dashboards. */
async function flush(client: Client, ticks: readonly Tick[]): Promise<void> {
  const { rows } = await client.query<{ seq: string }>(`SELECT seq FROM egx_feed_watermarks WHERE feed = 'f'`);
  const seq = Number(rows[0]?.seq);
  const assumed = new Map([['f', { seq, generation: 'G' }]]);
  const entries = [entryOf('1-0', [frameOf(seq, seq + 1, ticks)])];
  const batch = planBatch(entries, assumed, { maxTicks: 1e6, maxDays: 10 }, new TickColumns());
  const store: FlushStore = {
    prefix: 'egx',
    lockKey: [7_011, 7_012],
    settingsFor: () => '',
    copyTarget: () => Promise.resolve('egx_ticks'),
    upsertBars: (session, bars) => upsertBars(session, 'egx', bars),
  };
  const result = await runFlushTransaction(client, store, new BatchEncoder().encode(batch, new Map()));
  assert.is(result.outcome, 'committed');
  if (result.outcome !== 'committed') return;
  for (const bar of result.bars) flushed.set(`${bar.symbol} ${bar.minuteMicros}`, bar);
}

interface Sums {
  readonly volume: bigint;
  readonly trades: number;
  readonly millionths: bigint;
}

/** Exact sums of ticks. */
function sumsOf(ticks: readonly Tick[]): Sums {
  return {
    volume: ticks.reduce((sum, tick) => sum + BigInt(tick.volume), 0n),
    trades: ticks.length,
    millionths: ticks.reduce((sum, tick) => sum + BigInt(turnoverMillionths(tick.price, tick.volume)), 0n),
  };
}

/** By start of the bucket, ascending. */
function bucketsOf(ticks: readonly Tick[], widthMicros: number, originMicros = 0): Array<[number, Tick[]]> {
  const buckets = new Map<number, Tick[]>();
  for (const tick of ticks) {
    const start = Math.floor((tick.timeMicros - originMicros) / widthMicros) * widthMicros + originMicros;
    buckets.set(start, [...(buckets.get(start) ?? []), tick]);
  }
  return [...buckets].sort(([a], [b]) => a - b);
}

function assertNear(actual: number, exact: number, what: string): void {
  assert.ok(Math.abs(actual - exact) <= DOUBLE_ERROR * Math.abs(exact), `${what}: ${actual} is not ${exact}`);
}

interface Traded {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
  readonly turnover: number;
}

function assertTraded(actual: Traded, ticks: readonly Tick[], what: string): void {
  const { volume, trades, millionths } = sumsOf(ticks);
  const prices = ticks.map((tick) => tick.price);
  assert.equal(
    [actual.open, actual.high, actual.low, actual.close, actual.trades],
    [prices[0], Math.max(...prices), Math.min(...prices), prices.at(-1), trades],
    what,
  );
  assertNear(actual.volume, Number(volume), `volume of ${what}`);
  assertNear(actual.turnover, Number(millionths) / 1e6, `turnover of ${what}`);
}

async function get(url: string): Promise<unknown> {
  const answer = await api.app.inject({ url });
  assert.is(answer.statusCode, 200, `${url}: ${answer.body.slice(0, 300)}`);
  return answer.json();
}

async function storedBars(): Promise<readonly unknown[]> {
  return (await database.client.query(`SELECT b::text AS bar FROM egx_bars_1m AS b ORDER BY symbol, time`)).rows;
}

test.before(async () => {
  database = await openFreshDatabase();
  api = await createApiServer(database.config);
  await database.client.query(`INSERT INTO egx_feed_watermarks VALUES ('f', 0, 'G', '')`);
  await flush(
    database.client,
    Object.keys(TAPES).flatMap((symbol) => ticksOf(symbol)),
  );
});
test.after(async () => {
  await api[Symbol.asyncDispose]();
  await database.close();
});

test('every tick here is a valid one, and none larger is', () => {
  for (const [price, volume] of Object.values(TAPES).flat())
    assert.equal([checkPrice(price), checkVolume(volume)], [undefined, undefined], `${price} × ${volume}`);
  assert.is(checkPrice(MAX_PRICE), 'price_out_of_range');
  assert.ok(LARGEST_PRICE < MAX_PRICE && LARGEST_PRICE + 2 ** -13 === MAX_PRICE);
  assert.is(checkVolume(MAX_VOLUME + 1), 'volume_out_of_range');
});

test('bars are stored to the last share and millionth', async () => {
  for (const symbol of Object.keys(TAPES)) {
    const { rows } = await database.client.query(
      `SELECT (extract(epoch FROM time) * 1000000)::bigint::text AS at, volume::text, trades::text,
              trim_scale(turnover * 1000000)::text AS millionths
       FROM egx_bars_1m WHERE symbol = $1 ORDER BY time`,
      [symbol],
    );
    const expected = bucketsOf(ticksOf(symbol), MINUTE_MICROS).map(([at, ticks]) => {
      const { volume, trades, millionths } = sumsOf(ticks);
      return {
        at: String(at),
        volume: String(volume),
        trades: String(trades),
        millionths: String(millionths),
      };
    });
    assert.equal(rows, expected, symbol);
  }
});

test('bars that a flush returns for dashboards are the stored ones, rounded to doubles', () => {
  for (const symbol of Object.keys(TAPES)) {
    for (const [at, ticks] of bucketsOf(ticksOf(symbol), MINUTE_MICROS)) {
      const bar = flushed.get(`${symbol} ${at}`);
      assert.ok(bar !== undefined, `${symbol} at ${at}`);
      assertTraded({ ...bar, turnover: bar.turnoverMillionths / 1e6 }, ticks, symbol);
    }
  }
});

test('sums are the same in whatever batches the largest ticks come', async () => {
  for (const symbol of ['MANY', 'BLOCKS', 'ODD', 'SMALL']) {
    const sums = new Set<string>();
    for (const size of [1, 7, 64, 1_000]) {
      await database.client.query('BEGIN');
      await database.client.query('DELETE FROM egx_bars_1m WHERE symbol = $1', [symbol]);
      const ticks = ticksOf(symbol);
      for (let at = 0; at < ticks.length; at += size) {
        const entries = [entryOf('1-0', [frameOf(0, 1, ticks.slice(at, at + size))])];
        const assumed = new Map([['f', { seq: 0, generation: 'G' }]]);
        const batch = planBatch(entries, assumed, { maxTicks: 1e6, maxDays: 10 }, new TickColumns());
        await upsertBars(database.client, 'egx', new BatchEncoder().encode(batch, new Map()).barColumns);
      }
      const { rows } = await database.client.query<{ bars: string }>(
        `SELECT string_agg(b::text, ' ' ORDER BY time) AS bars FROM egx_bars_1m AS b WHERE symbol = $1`,
        [symbol],
      );
      sums.add(rows[0]?.bars ?? '');
      await database.client.query('ROLLBACK');
    }
    assert.is(sums.size, 1, [...sums].join('\n'));
  }
});

test('/api/ticks: price and volume as they came', async () => {
  for (const symbol of Object.keys(TAPES)) {
    const { ticks } = ticksAnswer.parse(
      await get(`/api/ticks?symbol=${symbol}&limit=1000&from=${START}&to=${START + DAY}`),
    );
    assert.equal(
      ticks.map((tick) => [tick.price, tick.volume]),
      TAPES[symbol],
      symbol,
    );
  }
});

test('/api/last', async () => {
  const { ticks } = lastAnswer.parse(await get('/api/last'));
  assert.equal(
    ticks.map(({ symbol, price, volume }) => [symbol, price, volume]),
    Object.keys(TAPES)
      .sort()
      .map((symbol) => [symbol, ...(TAPES[symbol]?.at(-1) ?? [])]),
  );
});

const WIDTHS = { '1m': 1, '5m': 5, '15m': 15, '1h': 60, '1d': 1_440 } as const;
/** Days begin at midnight in Cairo, 22:00 UTC in winter. */
const MIDNIGHT = START - 10 * 3_600_000_000;

for (const interval of BAR_INTERVALS) {
  test(`/api/bars and the view, ${interval}`, async () => {
    for (const symbol of Object.keys(TAPES)) {
      const expected = bucketsOf(ticksOf(symbol), WIDTHS[interval] * MINUTE_MICROS, MIDNIGHT);
      const { bars } = barsAnswer.parse(await get(`/api/bars?symbol=${symbol}&interval=${interval}&from=${MIDNIGHT}`));
      assert.is(bars.length, expected.length);
      expected.forEach(([, ticks], index) => {
        const bar = bars[index];
        assert.ok(bar !== undefined);
        assertTraded(bar, ticks, `${symbol} ${interval}`);
      });
      const { rows } = await database.client.query(
        `SELECT volume::text, trades::text, trim_scale(turnover * 1000000)::text AS millionths
         FROM egx_bars_${interval} WHERE symbol = $1 ORDER BY time`,
        [symbol],
      );
      assert.equal(
        rows,
        expected.map(([, ticks]) => {
          const { volume, trades, millionths } = sumsOf(ticks);
          return { volume: String(volume), trades: String(trades), millionths: String(millionths) };
        }),
      );
    }
  });
}

for (const by of ['volume', 'turnover', 'trades'] as const) {
  test(`/api/top by ${by}`, async () => {
    const { top } = topAnswer.parse(await get(`/api/top?date=${DATE}&by=${by}&limit=100`));
    assert.equal(top.map((row) => row.symbol).sort(), Object.keys(TAPES).sort());
    for (const row of top) {
      const { volume, trades, millionths } = sumsOf(ticksOf(row.symbol));
      assert.is(row.trades, trades);
      assertNear(row.volume, Number(volume), `volume of ${row.symbol}`);
      assertNear(row.turnover, Number(millionths) / 1e6, `turnover of ${row.symbol}`);
    }
    if (by !== 'trades') assert.is(top[0]?.symbol, 'MANY');
  });
}

test('/api/board: the day, and the day after it', async () => {
  const today = boardAnswer.parse(await get(`/api/board`));
  assert.is(today.date, DATE);
  assert.equal(
    today.rows.map((row) => row.symbol),
    Object.keys(TAPES).sort(),
  );
  for (const { symbol, day } of today.rows) {
    assert.ok(day !== null, symbol);
    assertTraded(day, ticksOf(symbol), symbol);
  }
  const tomorrow = boardAnswer.parse(await get(`/api/board?date=2025-12-02`));
  assert.equal(
    tomorrow.rows.map((row) => [row.symbol, row.previousClose]),
    Object.keys(TAPES)
      .sort()
      .map((symbol) => [symbol, TAPES[symbol]?.at(-1)?.[0]]),
  );
});

test('rebuild-bars finds nothing to change, and makes the same bars from nothing', async () => {
  const before = await storedBars();
  const checked = await rebuildBars(database.client, database.config);
  assert.equal([checked.minutes, checked.changed], [before.length, 0]);
  assert.equal(await storedBars(), before);
  await database.client.query('DELETE FROM egx_bars_1m');
  const made = await rebuildBars(database.client, database.config);
  assert.is(made.changed, before.length);
  assert.equal(await storedBars(), before);
});

test('a minute whose volume no 64-bit integer holds, and a day of the largest ticks', async () => {
  const rows = 20_000;
  const symbol = 'DAY';
  const ticks: Tick[] = Array.from({ length: rows }, (_, i) => ({
    symbol,
    price: LARGEST_PRICE,
    volume: MAX_VOLUME - (i % 2),
    timeMicros: START + DAY + (i < rows / 2 ? i : i * 1_000_000),
  }));
  for (let at = 0; at < rows; at += 4_000) await flush(database.client, ticks.slice(at, at + 4_000));
  // Backfills can put any number of ticks into one minute; a thousand flushes of it stand in for them.
  await database.client.query(
    `UPDATE egx_bars_1m SET volume = volume * 1000000, turnover = turnover * 1000000
     WHERE symbol = $1 AND time = (SELECT min(time) FROM egx_bars_1m WHERE symbol = $1)`,
    [symbol],
  );
  const late: Tick = { symbol, price: LARGEST_PRICE, volume: MAX_VOLUME, timeMicros: START + DAY };
  await flush(database.client, [late]);
  const bar = flushed.get(`${symbol} ${START + DAY}`);
  assert.ok(bar !== undefined && bar.volume > 2 ** 64);
  const told = decodeFlushNotice(encodeFlushNotice({ feeds: [], rows: 1, flushMs: 1, bars: [bar] }));
  assert.equal(told.bars, [bar], 'the flush notice carries it to every gateway');
  const board = boardAnswer.parse(await get(`/api/board`));
  const day = board.rows.find((row) => row.symbol === symbol)?.day;
  assert.ok(day !== undefined && day !== null);
  assert.ok(day.volume > 2 ** 64 && day.turnover > 1e33, `${day.volume} ${day.turnover}`);
  assert.is(day.trades, rows + 1);
  for (const interval of BAR_INTERVALS) {
    const { bars } = barsAnswer.parse(await get(`/api/bars?symbol=${symbol}&interval=${interval}&from=${START}`));
    assert.ok((bars[0]?.volume ?? 0) > 2 ** 64, interval);
  }
  assert.is(topAnswer.parse(await get(`/api/top?date=2025-12-02&by=turnover`)).top[0]?.turnover, day.turnover);
  await rebuildBars(database.client, database.config, { from: '2025-12-02' });
  const { rows: sums } = await database.client.query(
    `SELECT sum(volume)::text AS volume, trim_scale(sum(turnover) * 1000000)::text AS millionths FROM egx_bars_1m WHERE symbol = $1`,
    [symbol],
  );
  const { volume, millionths } = sumsOf([...ticks, late]);
  assert.equal(sums, [{ volume: String(volume), millionths: String(millionths) }]);
});
