import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Gateway, startGateway } from '../../../src/gateway/gateway.ts';
import { setLogLevel } from '../../../src/logger.ts';
import { findFreePort } from '../../../src/stack/free-port.ts';
import { setupDatabase } from '../../../src/store/setup-database.ts';
import { suite } from '../../support/suite.ts';
import { gatewayAddress, killed, openTestMarket, type TestMarket, until } from '../../support/test-market.ts';
import { PythonProgram, requirePython } from './python-program.ts';

const test = suite('Python adapter: feeds', { timeoutMs: 200_000 });

const COUNT = 10_000;
const ALL_STORED = `stored ${COUNT} left 0 again 0`;
/** 2025-12-01T08:00:00.000001Z */
const BASE_MICROS = 1_764_576_000_000_001n;
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  setLogLevel('silent');
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  gateway = await startGateway(market.configWith({ TAKEOVER_INTERVAL_MS: '0' }));
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

/** The ticks of publish_ticks.py as the table must hold them. */
function expectedRows(count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    [`PY${n % 37}`, ((n % 9973) + 1) / 100, n, BASE_MICROS + BigInt(n) * 977n].join(' '),
  );
}

async function storedRows(where: string): Promise<string[]> {
  const { rows } = await market.db.query<{ row: string }>(
    `SELECT concat_ws(' ', symbol, price, volume, (extract(epoch FROM time) * 1000000)::bigint) AS row
     FROM ${market.prefix}_ticks WHERE ${where} ORDER BY volume, time`,
  );
  return rows.map(({ row }) => row);
}

test('10,000 ticks with datetimes of three zones: every row equal to the microsecond', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'publish_ticks.py', [
    gateway.url,
    'plain',
    String(COUNT),
  ]);
  assert.equal(await program.end(), ['half', 'given', ALL_STORED], program.errors);
  assert.equal(await storedRows(`symbol LIKE 'PY%'`), expectedRows(COUNT));
  await market.db.query(`TRUNCATE ${market.prefix}_ticks`);
});

test('a gateway killed in the middle and another one on its port: exactly once', async (context) => {
  const python = await requirePython(context);
  const port = String(await findFreePort());
  const first = market.spawn(['serve'], { GATEWAY_PORT: port });
  const url = await gatewayAddress(first);
  await using program = new PythonProgram(python, 'publish_ticks.py', [url, 'killed', String(COUNT), '20']);
  assert.is(await program.line(), 'half');
  await killed(first);
  const atKill = await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`);
  assert.ok(atKill > 0 && atKill < COUNT, `${atKill} stored when it was killed`);
  assert.is(await program.line(), 'given');
  const second = market.spawn(['serve'], { GATEWAY_PORT: port });
  await gatewayAddress(second);
  assert.equal(await program.end(), [ALL_STORED], program.errors);
  assert.equal(await storedRows(`symbol LIKE 'PY%'`), expectedRows(COUNT));
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_feed_gaps`), 0);
  await killed(second);
});

test('a gateway that drains and comes back: exactly once', async (context) => {
  const python = await requirePython(context);
  await market.db.query(`TRUNCATE ${market.prefix}_ticks`);
  const config = market.configWith({ GATEWAY_PORT: String(await findFreePort()) });
  const first = await startGateway(config);
  await using program = new PythonProgram(python, 'publish_ticks.py', [first.url, 'drained', String(COUNT), '20']);
  assert.is(await program.line(), 'half');
  await first.close();
  const second = await startGateway(config);
  assert.equal(await program.end(), ['given', ALL_STORED], program.errors);
  assert.equal(await storedRows(`symbol LIKE 'PY%'`), expectedRows(COUNT));
  await second.close();
});

test('the buffer is wiped in the middle: exactly once', async (context) => {
  const python = await requirePython(context);
  await market.db.query(`TRUNCATE ${market.prefix}_ticks`);
  await using program = new PythonProgram(python, 'publish_ticks.py', [gateway.url, 'wiped', String(COUNT), '20']);
  assert.is(await program.line(), 'half');
  const keys = await market.redis.keys(`{${market.prefix}}:*`);
  assert.ok(keys.length > 0 && (await market.redis.del(...keys)) > 0);
  assert.equal(await program.end(), ['given', ALL_STORED], program.errors);
  assert.equal(await storedRows(`symbol LIKE 'PY%'`), expectedRows(COUNT));
});

test('a second program of the same name: the first one is refused with 423, in every call', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'two_programs.py', [gateway.url]);
  assert.equal(
    await program.end(),
    ['stored 1', 'stored 1', 'refused 423', 'flush refused 423', 'close refused 423'],
    program.errors,
  );
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = 'SECOND'`), 1);
});

test('refusals and mistakes are errors that say what', async (context) => {
  const python = await requirePython(context);
  const file = join(tmpdir(), `tickgate-tokens-${market.prefix}.json`);
  const token = 'a-token-for-the-python-test';
  const sha256 = createHash('sha256').update(token).digest('hex');
  await writeFile(
    file,
    JSON.stringify({ tokens: [{ name: 'python', sha256, roles: ['feed'], feeds: ['egx-*', '~gw'] }] }),
  );
  const guarded = await startGateway(market.configWith({ GATEWAY_TOKENS_FILE: file }));
  try {
    await using program = new PythonProgram(python, 'refusals.py', [guarded.url, token]);
    assert.equal(
      await program.end(),
      [
        'right passed 0',
        'wrong token FeedRefusedError 401',
        'no token FeedRefusedError 4502',
        'another feed FeedRefusedError 409',
        'bad name FeedRefusedError 400',
        'counter FeedRefusedError 421',
        'closed FeedClosedError None',
        'behind ValueError',
        'too large ValueError',
        'nobody TimeoutError',
        'set up FeedError None',
      ],
      program.errors,
    );
  } finally {
    await guarded.close();
    await rm(file);
  }
});

test('a consumer that dies goes on where the gateway stands: every offset once', async (context) => {
  const python = await requirePython(context);
  await using dying = new PythonProgram(python, 'consume_offsets.py', [gateway.url, '1000', '400']);
  await dying.end().catch((error: unknown) => assert.match(String(error), /exit code 9/));
  await using next = new PythonProgram(python, 'consume_offsets.py', [gateway.url, '1000']);
  const [line] = await next.end();
  assert.match(line ?? '', /^went on after \d+$/, next.errors);
  const base = 1_764_662_400_000_000;
  assert.equal(
    await storedRows(`symbol = 'KAFKA'`),
    Array.from({ length: 1_000 }, (_, n) => `KAFKA 1 ${n} ${base + n}`),
  );
});

test('no gateway: memory is bounded and the caller waits; a program that ends without close loses nothing', async (context) => {
  const python = await requirePython(context);
  const port = await findFreePort();
  await using program = new PythonProgram(python, 'gateway_away.py', [`http://127.0.0.1:${port}`, '20000']);
  const [, stalledAt] = /^stalled at (\d+)$/.exec(await program.line()) ?? [];
  assert.ok(Number(stalledAt) > 1_000 && Number(stalledAt) < 4_000, `stalled at ${String(stalledAt)}`);
  const late = await startGateway(market.configWith({ GATEWAY_PORT: String(port) }));
  program.tell('go');
  assert.equal(await program.end(), ['taken 20000'], program.errors);
  const { rows } = await market.db.query(
    `SELECT count(*)::int AS count, count(DISTINCT volume)::int AS volumes FROM ${market.prefix}_ticks WHERE symbol = 'LATE'`,
  );
  assert.equal(rows, [{ count: 20_000, volumes: 20_000 }]);
  await late.close();
});

test('asyncio: rejected ticks are told, a backfill is cut by days, a gap is declared', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'asyncio_feed.py', [gateway.url]);
  assert.equal(
    await program.end(),
    [
      'stored 100 left 0 frames 8',
      'stored 1 frames 101',
      'CO MI 1.0 1 symbol_invalid',
      'ASYNC 0.0 2 price_out_of_range',
      'ASYNC 1.0 2.5 volume_fractional',
    ],
    program.errors,
  );
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks WHERE symbol = 'ASYNC'`), 101);
  const rejected = `SELECT count(*) FROM ${market.prefix}_ticks_rejected WHERE feed = 'async'`;
  await until('the rejected ticks are stored', async () => (await market.count(rejected)) === 3);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_feed_gaps WHERE feed = 'async'`), 1);
});

test('a handler can be closed at every moment of its connecting', async (context) => {
  const python = await requirePython(context);

  await using program = new PythonProgram(python, 'open_and_close.py', [gateway.url, '100']);
  assert.equal(await program.end(), ['closed 100'], program.errors);
});
