import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { simulateContinuous, simulateSession } from '../../clients/simulator/generate-ticks.ts';
import { MarketFeed } from '../../src/commands/market-feed.ts';
import { registerSimulate } from '../../src/commands/simulate.ts';
import { StoreUnavailableError } from '../../src/errors.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { setLogLevel } from '../../src/logger.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { suite } from '../support/suite.ts';
import {
  type CommandOutcome,
  killed,
  openTestMarket,
  outcomeOf,
  type TestMarket,
  until,
} from '../support/test-market.ts';
import { runCommand } from './run-command.ts';

const test = suite('simulate', { timeoutMs: 120_000 });
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
test.before.each(async () => {
  await market.db.query(`TRUNCATE ${market.prefix}_ticks`);
});

const resultShape = z.object({
  feed: z.string(),
  published: z.number(),
  committed: z.number(),
  rejected: z.number(),
  seconds: z.number(),
  lastSeq: z.number(),
});

function simulate(...args: readonly string[]): Promise<CommandOutcome> {
  return market.run('simulate', '--url', gateway.url, ...args);
}

function stored(): Promise<number> {
  return market.count(`SELECT count(*) FROM ${market.prefix}_ticks`);
}

test('a session of a date as fast as it goes: the table holds exactly the generator’s ticks', async () => {
  const args = ['--date', '2025-12-01', '--seed', '7', '--symbols', '5', '--rate', '0.5', '--speed', 'max', '--json'];
  const { code, stdout, stderr } = await simulate(...args);
  assert.is(code, 0, stderr);
  const expected = [...simulateSession({ date: '2025-12-01', seed: '7', symbols: 5, ticksPerSecond: 0.5 })];
  const { published, committed, rejected } = resultShape.parse(JSON.parse(stdout));
  assert.equal([published, committed, rejected], [expected.length, expected.length, 0]);
  const { rows } = await market.db.query<{ row: string }>(
    `SELECT concat_ws(' ', symbol, price, volume, (extract(epoch FROM time) * 1000000)::bigint) AS row FROM ${market.prefix}_ticks`,
  );
  assert.equal(rows.map(({ row }) => row).sort(), expected.map((tick) => tick.join(' ')).sort());
});

test('a session stamped now, at 3,600 times its pace, ends after --seconds', async () => {
  const startMs = Date.now();
  const args = ['--date', '2025-12-01', '--now', '--ramadan', '--speed', '3600x', '--rate', '0.5', '--seconds', '1.5'];
  const { code, stdout, stderr } = await simulate(...args);
  assert.is(code, 0, stderr);
  const [, ticks] = /^(\d+) ticks committed as feed egx-sim in [\d.]+ s \(\d+\/s\)$/.exec(stdout) ?? [];
  assert.ok(Number(ticks) > 100, stdout);
  assert.is(await stored(), Number(ticks));
  const outside = `SELECT count(*) FROM ${market.prefix}_ticks WHERE time NOT BETWEEN to_timestamp(${startMs / 1000}) AND now()`;
  assert.is(await market.count(outside), 0);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`a market that never closes, stamped now, until ${signal}: all it published is committed`, async () => {
    const child = market.spawn(['simulate', '--url', gateway.url, '--rate', '500', '--symbols', 'COMI,ETEL']);
    const ended = outcomeOf(child);
    await until('ticks are stored', async () => (await stored()) > 100, 60_000);
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    assert.is(code, 0, stderr);
    const [, ticks] = /^(\d+) ticks committed/.exec(stdout) ?? [];
    assert.is(await stored(), Number(ticks));
    const { rows } = await market.db.query(`SELECT DISTINCT symbol FROM ${market.prefix}_ticks ORDER BY symbol`);
    assert.equal(rows, [{ symbol: 'COMI' }, { symbol: 'ETEL' }]);
  });
}

test('a journal: the next start goes on where the killed one was', async () => {
  const journal = join(tmpdir(), `tickgate-simulate-${market.prefix}.journal`);
  const args = ['simulate', '--url', gateway.url, '--feed', 'journaled', '--journal', journal, '--rate', '500'];
  const child = market.spawn(args);
  await until('ticks are stored', async () => (await stored()) > 100, 60_000);
  await killed(child);
  const { code, stdout, stderr } = await outcomeOf(market.spawn([...args, '--seconds', '0.5', '--json']));
  await rm(journal, { force: true });
  assert.is(code, 0, stderr);
  const { lastSeq, published } = resultShape.parse(JSON.parse(stdout));
  const watermark = `SELECT seq FROM ${market.prefix}_feed_watermarks WHERE feed = 'journaled'`;
  assert.is(await market.count(watermark), lastSeq);
  assert.ok((await stored()) > published + 100);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_feed_gaps WHERE feed = 'journaled'`), 0);
});

test('no gateway: says so once, goes on trying, and ends on request', async () => {
  const child = market.spawn(['simulate', '--url', 'http://127.0.0.1:1']);
  const ended = outcomeOf(child);
  await new Promise((resolve) => child.stderr?.once('data', resolve));
  child.kill('SIGTERM');
  const { code, stdout, stderr } = await ended;
  assert.is(code, 0, stderr);
  assert.match(stdout, /^0 ticks committed/);
  assert.is(stderr, 'no connection to http://127.0.0.1:1; trying again');
});

test('a gateway that is gone at the end: what is not committed is said', async () => {
  const config = market.configWith({});
  const lost = await startGateway(config);
  const ticks = simulateContinuous({ seed: 1, startMicros: Date.now() * 1000, ticksPerSecond: 1_000 });
  await using feed = new MarketFeed({ url: lost.url, feed: 'lost', ticks, speed: 1, stamp: 'wall' });
  assert.ok(await feed.opened(AbortSignal.timeout(20_000)));
  await lost.close();
  await feed.publish(AbortSignal.timeout(300));
  const failure: unknown = await feed.drained(300).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(failure, StoreUnavailableError);
  assert.match(String(failure), /[1-9]\d* of \d+ ticks are not committed/);
});

const BAD_OPTIONS: ReadonlyArray<readonly [args: readonly string[], said: RegExp]> = [
  [['--date', '2025-12-05'], /Friday; .*Remedy: take 2025-12-04/],
  [['--date', '2025-02-30'], /not a date/],
  [['--date', '2999-12-01'], /not over: .*Remedy: take a day before, or add --now/],
  [['--symbols', '0'], /0 symbols/],
  [['--symbols', '9999'], /Remedy: take 1 to/],
  [['--symbols', 'COMI,NOPE'], /NOPE/],
  [['--rate', '0'], /above 0/],
  [['--rate', 'fast'], /above 0/],
  [['--rate', '1e12'], /cannot be simulated/],
  [['--speed', '0x'], /a factor such as 1x/],
  [['--speed', 'fast'], /a factor such as 1x/],
  [['--seconds', '-1'], /seconds above 0/],
  [['--seconds', '1e9'], /seconds above 0/],
  [['--feed', 'e gx'], /not a feed name/],
  [['--url', '127.0.0.1:8080'], /not an address/],
  [['--ramadan'], /--ramadan is about a session/],
  [['--now'], /--now is about a session/],
  [['--journal', '/no/such/folder/journal'], /\/no\/such\/folder\/journal/],
];
for (const [args, said] of BAD_OPTIONS) {
  test(`refused: simulate ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await runCommand(registerSimulate, ['simulate', ...args]);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, said);
  });
}
