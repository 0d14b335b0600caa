import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { openTestMarket, outcomeOf, type TestMarket, until } from '../support/test-market.ts';

const test = suite("the seed's commands, in their own spelling", { timeoutMs: 60_000 });
let market: TestMarket;

test.before(async () => {
  market = await openTestMarket();
});
test.after(() => market.close());

test('set up, buffer three ticks, size 3, flush prints 3, rows in the table', async () => {
  assert.is((await market.run('--setup-db')).code, 0);
  assert.is((await market.run('--setup-db')).code, 0, 'a second time too');
  for (const tick of ['COMI 45.50 1000', 'ETEL 12.30 5000', 'SWDY 8.75 3000']) {
    const outcome = await market.run('--buffer-tick', ...tick.split(' '));
    assert.is(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /^buffered /);
  }
  assert.is((await market.run('--buffer-size')).stdout, '3');
  assert.is((await market.run('--flush')).stdout, '3');
  assert.is((await market.run('--buffer-size')).stdout, '0');
  const { rows } = await market.db.query(
    `SELECT symbol, price, volume::int FROM ${market.prefix}_ticks ORDER BY symbol`,
  );
  assert.equal(rows, [
    { symbol: 'COMI', price: 45.5, volume: 1000 },
    { symbol: 'ETEL', price: 12.3, volume: 5000 },
    { symbol: 'SWDY', price: 8.75, volume: 3000 },
  ]);
});

test('the daemon flushes by itself, and ends cleanly', async () => {
  const daemon = market.spawn(['--daemon', '--flush-interval', '1']);
  const ended = outcomeOf(daemon);
  await market.run('--buffer-tick', 'HRHO', '20.1', '7');
  await until(
    'the tick is stored',
    async () => (await market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = 'HRHO'`)) === 1,
  );
  daemon.kill('SIGTERM');
  const { code, stdout } = await ended;
  assert.is(code, 0);
  assert.is(stdout, 'flushing every 1 s');
});

test('flush while a daemon leads counts what the daemon stores', async () => {
  const daemon = market.spawn(['--daemon', '--flush-interval', '3600']);
  await until('the daemon leads', async () => {
    const { rows } = await market.db.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return rows.length > 0;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let i = 0; i < 2; i++) await market.run('--buffer-tick', 'TMGH', '60', String(i + 1));
  await market.run('--flush');
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = 'TMGH'`), 2);
  assert.is((await market.run('--buffer-size')).stdout, '0');
  daemon.kill('SIGTERM');
});

const BAD_COMMANDS: ReadonlyArray<readonly [args: readonly string[], said: RegExp]> = [
  [['--frobnicate'], /unknown option '--frobnicate'/],
  [['frobnicate'], /unknown command 'frobnicate'/],
  [['--buffer-tick', 'COMI', '45.5'], /missing required argument 'volume'/],
  [['--buffer-tick', 'CO MI', '45.5', '1'], /symbol "CO MI": symbol invalid/],
  [['--buffer-tick', 'COMI', 'abc', '1'], /price "abc": price invalid/],
  [['--buffer-tick', 'COMI', '-1', '1'], /price "-1": price out of range/],
  [['--buffer-tick', 'COMI', '45.5', '1.5'], /volume "1\.5": volume fractional/],
  [['--buffer-tick', 'COMI', '45.5', '1e15'], /volume "1e15": volume out of range/],
  [['--buffer-tick', 'COMI', '45.5', '1', 'yesterday'], /time "yesterday": time invalid/],
  [['--buffer-tick', 'COMI', '45.5', '1', '1970-01-01T00:00:00Z'], /time "1970-01-01T00:00:00Z": time out of range/],
  [['--buffer-tick', 'COMI', '45.5', '1', '2025-01-01T00:00:00'], /time invalid/],
  [['--daemon', '--flush-interval', 'often'], /--flush-interval/],
  [['replay', '/no/such/file.csv'], /\/no\/such\/file\.csv/],
  [['replay', '/etc/hosts'], /header/],
  [['replay', '/etc/hosts', '--speed', 'slow'], /a factor such as 1x/],
];

for (const [args, said] of BAD_COMMANDS) {
  test(`refused with one line: ${args.join(' ')}`, async () => {
    const before = await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`);
    const { code, stdout, stderr } = await market.run(...args);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.is(stderr.split('\n').length, 1, stderr);
    assert.match(stderr, said);
    assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), before);
  });
}

const BAD_SETTINGS: ReadonlyArray<readonly [name: string, value: string]> = [
  ['REDIS_PORT', 'high'],
  ['FLUSH_INTERVAL_MS', '0'],
  ['TICKS_PREFIX', 'EGX; DROP'],
  ['BARS_TIME_ZONE', 'Cairo'],
  ['REDIS_URL', 'not an address'],
];

for (const [name, value] of BAD_SETTINGS) {
  test(`refused with one line: ${name}=${value}`, async () => {
    const { code, stderr } = await outcomeOf(market.spawn(['buffer-size'], { [name]: value }));
    assert.is(code, 2, stderr);
    assert.is(stderr.split('\n').length, 1, stderr);
    assert.match(stderr, name);
  });
}

test('Redis that is not there: the address tried, the cause, the remedy', async () => {
  const { code, stderr } = await outcomeOf(market.spawn(['buffer-size'], { REDIS_PORT: '1', REDIS_HOST: '127.0.0.1' }));
  assert.is(code, 1);
  assert.match(stderr, /127\.0\.0\.1:1 .*ECONNREFUSED.*Remedy: check that Redis runs/);
});

test('a database that is not there: the address tried, the cause, the remedy', async () => {
  const { code, stderr } = await outcomeOf(
    market.spawn(['buffer-tick', 'COMI', '1', '1'], { POSTGRES_PORT: '1', POSTGRES_HOST: '127.0.0.1' }),
  );
  assert.is(code, 1);
  assert.match(stderr, /Failed to connect to PostgreSQL at .*127\.0\.0\.1:1.*Remedy: /);
});
