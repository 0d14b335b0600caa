import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { TickQueries, type StoredTick } from '../../src/store/tick-queries.ts';
import { suite } from '../support/suite.ts';
import { barsOf, insertTicks, mergeBars, storeBatch, tiedTape, type TestTick } from './batches.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { rejectionOf } from './rejection.ts';

const test = suite('tick queries');
/** 2025-12-01T08:00:00Z */
const START = 1_764_576_000_000_000;
const DAY = 86_400_000_000;
const SYMBOLS = ['COMI', 'ETEL', 'SWDY'];
let database: FreshDatabase;
let queries: TickQueries;
let tape: readonly TestTick[];

test.before(async () => {
  database = await openFreshDatabase();
  queries = new TickQueries(database.client, 'egx', 'Africa/Cairo');
  tape = [...tiedTape(SYMBOLS, START, 60), ...tiedTape(SYMBOLS, START + DAY, 60)];
  for (let i = 0; i < tape.length; i += 100) await storeBatch(database.client, 'egx', tape.slice(i, i + 100));
});
test.after(() => database.close());

const all = { fromMicros: START, toMicros: START + 2 * DAY };

test('symbols', async () => {
  assert.equal(await queries.symbols(), SYMBOLS);
  assert.equal(await new TickQueries(database.client, 'egx', 'UTC').symbols(), SYMBOLS);
});

test('the last tick of a symbol: greatest time, ties by arrival', async () => {
  for (const last of await queries.lastTicks()) {
    const own = tape.filter((tick) => tick.symbol === last.symbol);
    const expected = own.reduce((best, tick) => (tick.timeMicros >= best.timeMicros ? tick : best));
    assert.equal([last.timeMicros, last.price], [expected.timeMicros, expected.price]);
    const tied = own.filter((tick) => tick.timeMicros === last.timeMicros && tick.price === last.price);
    assert.ok(tied.some((tick) => tick.volume === last.volume));
  }
  assert.equal(
    (await queries.lastTicks(['SWDY', 'NONE'])).map((last) => last.symbol),
    ['SWDY'],
  );
  assert.equal(await queries.lastTicks([]), []);
});

test('the last tick of tied ones is the one that arrived last, whichever way the prices go', async () => {
  const at = START - 5 * DAY;
  for (const [symbol, prices] of [
    ['UP', [1, 2, 3]],
    ['DOWN', [3, 2, 1]],
    ['AMID', [1, 3, 2]],
  ] as const) {
    const ticks = prices.map((price) => ({ symbol, timeMicros: at, price, volume: price * 100 }));
    await storeBatch(database.client, 'egx', ticks);
  }
  const expected = [
    { symbol: 'AMID', timeMicros: at, price: 2, volume: 200 },
    { symbol: 'DOWN', timeMicros: at, price: 1, volume: 100 },
    { symbol: 'UP', timeMicros: at, price: 3, volume: 300 },
  ];
  assert.equal(await queries.lastTicks(['UP', 'DOWN', 'AMID']), expected);
  // An index the other way round, as other programs make it, meets tied rows in the other order.
  await database.client.query('BEGIN');
  await database.client.query('DROP INDEX egx_ticks_symbol_time_idx');
  await database.client.query('CREATE INDEX ON egx_ticks (symbol, time DESC)');
  await database.client.query('SET LOCAL enable_seqscan = off');
  assert.equal(await queries.lastTicks(['UP', 'DOWN', 'AMID']), expected);
  await database.client.query('ROLLBACK');
});

test('the last tick stays when retention has dropped it, without its volume', async () => {
  await mergeBars(
    database.client,
    'egx',
    barsOf([{ symbol: 'OLD', timeMicros: START - 90 * DAY, price: 7.5, volume: 3 }]),
  );
  assert.equal(await queries.lastTicks(['OLD']), [
    { symbol: 'OLD', timeMicros: START - 90 * DAY, price: 7.5, volume: undefined },
  ]);
});

test('the last ticks are found without reading the table', async () => {
  const addRows = async (startMicros: number): Promise<void> => {
    await database.client.query(
      `INSERT INTO egx_ticks
       SELECT timestamptz 'epoch' + ($1::bigint + i * 100000::bigint) * INTERVAL '1 microsecond', 'P' || lpad((i % 40)::text, 2, '0'), 1 + i % 100, i
       FROM generate_series(0, 199999) AS i`,
      [startMicros],
    );
    const lastTicks = Array.from({ length: 40 }, (_, i) => ({
      symbol: `P${String(i).padStart(2, '0')}`,
      timeMicros: startMicros + (199_960 + i) * 100_000,
      price: 1 + ((199_960 + i) % 100),
      volume: 199_960 + i,
    }));
    await mergeBars(database.client, 'egx', barsOf(lastTicks));
    await database.client.query('VACUUM ANALYZE egx_ticks');
    await database.client.query('ANALYZE egx_bars_1m');
  };
  const pagesOf = async (sql: string): Promise<number> => {
    const { rows } = await database.client.query<{ 'QUERY PLAN': Array<{ Plan: Record<string, number> }> }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
    );
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  };
  const byView = 'SELECT * FROM egx_last';
  const byDistinct =
    'SELECT DISTINCT ON (symbol) symbol, time, price, volume FROM egx_ticks ORDER BY symbol, time DESC';
  await addRows(START - 20 * DAY);
  const view = await pagesOf(byView);
  const distinct = await pagesOf(byDistinct);
  await addRows(START - 19 * DAY);
  const viewLater = await pagesOf(byView);
  const distinctLater = await pagesOf(byDistinct);
  const seen = `view ${view} → ${viewLater}, DISTINCT ON ${distinct} → ${distinctLater} pages`;
  assert.ok(viewLater < distinctLater / 4, seen);
  assert.ok(viewLater - view < (distinctLater - distinct) / 4, seen);
});

test('bars of every interval agree with the views', async () => {
  const minutes = await queries.bars({ ...all, symbol: 'COMI', interval: '1m', limit: 1_000 });
  assert.equal(minutes, barsOf(tape.filter((tick) => tick.symbol === 'COMI')));
  for (const interval of ['5m', '15m', '1h', '1d'] as const) {
    const bars = await queries.bars({
      fromMicros: START - DAY,
      toMicros: all.toMicros,
      symbol: 'COMI',
      interval,
      limit: 1_000,
    });
    const { rows } = await database.client.query(
      `SELECT (extract(epoch FROM time) * 1000000)::bigint::text AS time, open, high, low, close, volume::text,
              trades::text, (turnover * 1000000)::bigint::text AS turnover
       FROM egx_bars_${interval} WHERE symbol = 'COMI' ORDER BY time`,
    );
    const shown = bars.map((bar) => ({
      time: String(bar.minuteMicros),
      open: bar.open,
      high: bar.high,
      low: bar.low,
      close: bar.close,
      volume: String(bar.volume),
      trades: String(bar.trades),
      turnover: String(bar.turnoverMillionths),
    }));
    assert.equal(shown, rows, interval);
    assert.ok(bars.length >= 2);
  }
});

test('a day’s bar holds the whole day, also where the range ends within it', async () => {
  const midnight = Date.parse('2025-11-30T22:00:00Z') * 1_000;
  const range = { fromMicros: midnight, toMicros: midnight + 1 };
  const [day, ...others] = await queries.bars({ ...range, symbol: 'ETEL', interval: '1d', limit: 10 });
  assert.equal(others, []);
  const own = tape.filter((tick) => tick.symbol === 'ETEL' && tick.timeMicros < START + DAY / 2);
  assert.is(day?.trades, own.length);
  assert.equal(
    await queries.bars({ ...range, fromMicros: midnight + 1, symbol: 'ETEL', interval: '1d', limit: 10 }),
    [],
  );
});

test('newest first keeps the newest', async () => {
  const query = { ...all, symbol: 'COMI', interval: '15m' as const };
  const ascending = await queries.bars({ ...query, limit: 1_000 });
  const newest = await queries.bars({ ...query, limit: 3, newestFirst: true });
  assert.equal(newest, [...ascending].reverse().slice(0, 3));
});

test('ticks: exact times, and pages that neither lose nor repeat a tie', async () => {
  const expected = tape
    .filter((tick) => tick.symbol === 'SWDY')
    .map(({ timeMicros, price, volume }): StoredTick => ({ timeMicros, price, volume }))
    .sort((a, b) => a.timeMicros - b.timeMicros || a.price - b.price || a.volume - b.volume);
  for (const limit of [1, 2, 7, 1_000]) {
    const found: StoredTick[] = [];
    let cursor: string | undefined;
    do {
      const page = await queries.ticks({ ...all, symbol: 'SWDY', limit, cursor });
      found.push(...page.ticks);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    assert.equal(found, expected, `limit ${limit}`);
  }
});

test('a microsecond decides at both ends of a range', async () => {
  await insertTicks(database.client, 'egx', [{ symbol: 'EDGE', timeMicros: START + 1, price: 1, volume: 1 }]);
  const countIn = async (fromMicros: number, toMicros: number): Promise<number> =>
    (await queries.ticks({ symbol: 'EDGE', fromMicros, toMicros, limit: 10 })).ticks.length;
  assert.equal(
    [await countIn(START, START + 1), await countIn(START + 1, START + 2), await countIn(START + 2, START + 3)],
    [0, 1, 0],
  );
});

for (const cursor of ['', 'x', '1', '1.', '1.2.3', '-1.0', '1.0 OR 1=1', '99999999999999999.0']) {
  test(`refuses the cursor ${JSON.stringify(cursor)}`, async () => {
    assert.instance(await rejectionOf(queries.ticks({ ...all, symbol: 'COMI', limit: 1, cursor })), UsageError);
  });
}

test('the most traded of a day in Cairo', async () => {
  const own = tape.filter((tick) => tick.timeMicros < START + DAY / 2);
  const volumes = new Map<string, number>();
  for (const tick of own) volumes.set(tick.symbol, (volumes.get(tick.symbol) ?? 0) + tick.volume);
  const expected = [...volumes].sort((a, b) => b[1] - a[1]);
  const top = await queries.top({ day: '2025-12-01', limit: 2 });
  assert.equal(
    top.map((row) => [row.symbol, row.volume]),
    expected.slice(0, 2),
  );
  const byTrades = await queries.top({ day: '2025-12-01', limit: 10, by: 'trades' });
  assert.is(
    byTrades.reduce((sum, row) => sum + row.trades, 0),
    own.length,
  );
  assert.equal(await queries.top({ day: '2020-01-01', limit: 10 }), []);
  assert.equal(await queries.top({ limit: 10 }), []);
});

test('symbols are values, never SQL', async () => {
  const symbol = `COMI'; DROP TABLE egx_ticks; --`;
  assert.equal((await queries.ticks({ ...all, symbol, limit: 10 })).ticks, []);
  assert.equal(await queries.bars({ ...all, symbol, interval: '1m', limit: 10 }), []);
  assert.equal(await queries.lastTicks([symbol]), []);
});
