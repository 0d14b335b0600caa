import * as assert from 'uvu/assert';
import { readTicks } from '../../clients/csv/tick-csv.ts';
import { suite } from '../support/suite.ts';
import {
  gatewayAddress,
  killed,
  openTestMarket,
  outcomeOf,
  realData,
  type TestMarket,
  until,
} from '../support/test-market.ts';

const US_TICKS = realData('us_ticks_20131011_nospy.csv.gz');
const EGX_MINUTES = realData('egx_1m.csv.gz');
const EGX_WEEK = realData('egx_week_derived_ticks.csv.gz');
const DIRTY = realData('egx_expa_adjusted_dirty.csv.gz');

const test = suite('a replay stores exactly the file', {
  timeoutMs: 120_000,
  ...(US_TICKS === undefined ? { skip: 'the real data is not at hand (TICKGATE_DATA_DIR)' } : {}),
});
let market: TestMarket;
let url: string;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
  url = await gatewayAddress(market.spawn(['serve']));
});
test.after(() => market.close());

const US_SYMBOLS = [
  { symbol: 'AIG', count: 31_318, volume: 6_762_710 },
  { symbol: 'BAC', count: 112_177, volume: 83_213_319 },
  { symbol: 'IBM', count: 19_264, volume: 3_231_063 },
];

async function usSymbols(): Promise<unknown> {
  const { rows } = await market.db.query(
    `SELECT symbol, count(*)::int AS count, sum(volume)::int AS volume FROM ${market.prefix}_ticks
     WHERE symbol IN ('AIG', 'BAC', 'IBM') GROUP BY symbol ORDER BY symbol`,
  );
  return rows;
}

async function clear(): Promise<void> {
  await market.db.query(`TRUNCATE ${market.prefix}_ticks, ${market.prefix}_bars_1m`);
}

test('162,759 real trades, per symbol the count and volume of the file; the same again adds nothing', async () => {
  const first = await market.run('replay', US_TICKS ?? '', '--url', url);
  assert.is(first.code, 0, first.stderr);
  assert.equal(await usSymbols(), US_SYMBOLS);
  const again = await market.run('replay', US_TICKS ?? '', '--url', url, '--json');
  assert.is(again.code, 0, again.stderr);
  assert.match(again.stdout, '"sent":0');
  assert.equal(await usSymbols(), US_SYMBOLS);
});

test('other content under a name already used is refused, and nothing is stored', async () => {
  const first = await market.run('replay', EGX_WEEK ?? '', '--url', url, '--feed', 'my-name');
  assert.is(first.code, 0, first.stderr);
  const before = await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`);
  const other = await market.run('replay', US_TICKS ?? '', '--url', url, '--feed', 'my-name');
  assert.is(other.code, 1);
  assert.match(other.stderr, /refused feed my-name/);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), before);
});

test('killed in the middle and started again', async () => {
  await clear();
  const args = ['replay', US_TICKS ?? '', '--url', url, '--feed', 'killed-replay'];
  const child = market.spawn(args);
  await until(
    'a part is stored',
    async () => (await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`)) > 20_000,
  );
  await killed(child);
  assert.is((await market.run(...args)).code, 0);
  assert.equal(await usSymbols(), US_SYMBOLS);
});

test('the gateway killed in the middle and started again', async () => {
  await clear();
  const port = 21_000 + Math.floor(Math.random() * 5_000);
  const serve = (): ReturnType<TestMarket['spawn']> => market.spawn(['serve'], { GATEWAY_PORT: String(port) });
  const gateway = serve();
  const own = await gatewayAddress(gateway);
  const replay = outcomeOf(market.spawn(['replay', US_TICKS ?? '', '--url', own, '--feed', 'killed-gateway']));
  await until(
    'a part is stored',
    async () => (await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`)) > 20_000,
  );
  await killed(gateway);
  const again = serve();
  await gatewayAddress(again);
  const { code, stderr } = await replay;
  assert.is(code, 0, stderr);
  assert.equal(await usSymbols(), US_SYMBOLS);
  await killed(again);
});

test('FLUSHALL of its keys in the middle: the replay ends by itself with exactly the file', async () => {
  await clear();
  const replay = outcomeOf(market.spawn(['replay', US_TICKS ?? '', '--url', url, '--feed', 'flushed-replay']));
  await until(
    'a part is stored',
    async () => (await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`)) > 20_000,
  );
  await market.redis.del(...(await market.redis.keys(`{${market.prefix}}:*`)));
  const { code, stderr } = await replay;
  assert.is(code, 0, stderr);
  assert.equal(await usSymbols(), US_SYMBOLS);
});

test('212,232 EGX minutes; COMI on 2025-12-01 has 215 rows and 1,699,213 shares', async () => {
  await clear();
  const outcome = await market.run('replay', EGX_MINUTES ?? '', '--url', url);
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), 212_232);
  const { rows } = await market.db.query(
    `SELECT count(*)::int AS rows, sum(volume)::int AS shares FROM ${market.prefix}_ticks
     WHERE symbol = 'COMI' AND (time AT TIME ZONE 'Africa/Cairo')::date = '2025-12-01'`,
  );
  assert.equal(rows, [{ rows: 215, shares: 1_699_213 }]);
});

test('a week of ticks gives its 10,672 source bars, and days are cut at Cairo midnight', async () => {
  await clear();
  const outcome = await market.run('replay', EGX_WEEK ?? '', '--url', url);
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_bars_1m`), 10_672);
  const { rows } = await market.db.query(
    `SELECT to_char(time AT TIME ZONE 'Africa/Cairo', 'YYYY-MM-DD HH24:MI') AS day, open, close, volume::int
     FROM ${market.prefix}_bars_1d WHERE symbol = 'COMI' ORDER BY time LIMIT 2`,
  );
  assert.equal(rows, [
    { day: '2025-11-30 00:00', open: 107.59, close: 107.7, volume: 1_240_765 },
    { day: '2025-12-01 00:00', open: 107.77, close: 107.79, volume: 1_699_213 },
  ]);
  // Close and volume of every bar are those of the recorded minute; open, high and low those of its ticks.
  const recorded = new Map<string, string>();
  for await (const batch of readTicks(EGX_MINUTES ?? '')) {
    for (const { symbol, timeMicros, price, volume } of batch)
      recorded.set(`${symbol} ${timeMicros}`, `${price} ${volume}`);
  }
  const bars = await market.db.query<{ key: string; value: string }>(
    `SELECT symbol || ' ' || (extract(epoch FROM time) * 1000000)::bigint AS key, close || ' ' || volume AS value FROM ${market.prefix}_bars_1m`,
  );
  assert.is(bars.rows.filter((bar) => recorded.get(bar.key) !== bar.value).length, 0);
  const differing = await market.count(
    `SELECT count(*) FROM ${market.prefix}_bars_1m AS bar JOIN (
       SELECT symbol, time_bucket('1 minute', time) AS time, first(price, time) AS open, max(price) AS high, min(price) AS low
       FROM ${market.prefix}_ticks GROUP BY 1, 2) AS tick USING (symbol, time)
     WHERE (bar.open, bar.high, bar.low) IS DISTINCT FROM (tick.open, tick.high, tick.low)`,
  );
  assert.is(differing, 0);
});

test('dirty data: ticks + rejected = 13,341, each rejected row with its reason', async () => {
  const outcome = await market.run('replay', DIRTY ?? '', '--url', url);
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(
    await market.count(
      `SELECT (SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = 'EXPA' AND time < '2025-11-30') +
              (SELECT count(*) FROM ${market.prefix}_ticks_rejected WHERE reason <> '' AND raw IS NOT NULL)`,
    ),
    13_341,
  );
});
