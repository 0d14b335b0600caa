import * as assert from 'uvu/assert';
import { ForkedFeeds } from '../../../clients/load/forked-feeds.ts';
import { loadClock } from '../../../clients/load/load-clock.ts';
import { type Gateway, startGateway } from '../../../src/gateway/gateway.ts';
import { setupDatabase } from '../../../src/store/setup-database.ts';
import { rejectionOf } from '../../store/rejection.ts';
import { suite } from '../../support/suite.ts';
import { openTestMarket, type TestMarket } from '../../support/test-market.ts';
import { PLAN } from './plan.ts';

const test = suite('feeds of a load test in their own process', { timeoutMs: 60_000 });
const clock = loadClock();
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

/** An hour of ticks. */
function start(run: string): ForkedFeeds {
  const plan = { ...PLAN, url: gateway.url, feeds: 2, rate: 2_000, frameTicks: 10, symbols: 40, durationMs: 3_600_000 };
  return new ForkedFeeds(plan, run, clock);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('its clock is the clock of other processes', () => {
  const other = loadClock(clock.originMs);
  assert.ok(Math.abs(clock.originMs + clock.nowMs() - Date.now()) < 1_000);
  assert.ok(Math.abs(other.nowMs() - clock.nowMs()) < 50);
});

test('sending that is ended early tells what was sent, and nothing is left running', async () => {
  const feeds = start('early');
  const { pid } = feeds;
  await feeds.opened();
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 500);
  await feeds.run(clock.nowMs(), stop.signal);
  const { sentFrames } = feeds.counts();
  assert.ok(sentFrames > 0);
  assert.is(feeds.sent.all().count, sentFrames * 10);
  const { latencies, rejected, interruptions } = await feeds.report();
  assert.ok(latencies.ownLag.count > 0);
  assert.equal([rejected, interruptions, feeds.failure], [0, 0, undefined]);
  await feeds[Symbol.asyncDispose]();
  assert.not(isRunning(pid));
});

test('a process that dies is told, not waited for', async () => {
  const feeds = start('dies');
  await feeds.opened();
  const running = rejectionOf(feeds.run(clock.nowMs(), new AbortController().signal));
  process.kill(feeds.pid, 'SIGKILL');
  assert.match(String(await running), /the process of the feeds ended with SIGKILL/);
  assert.match(String(feeds.failure), /SIGKILL/);
  await feeds[Symbol.asyncDispose]();
});
