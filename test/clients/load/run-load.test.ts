import * as assert from 'uvu/assert';
import { formatLoadResult } from '../../../clients/load/load-result.ts';
import { runLoad } from '../../../clients/load/run-load.ts';
import { type Gateway, startGateway } from '../../../src/gateway/gateway.ts';
import { setupDatabase } from '../../../src/store/setup-database.ts';
import { suite } from '../../support/suite.ts';
import { openTestMarket, type TestMarket } from '../../support/test-market.ts';
import { PLAN } from './plan.ts';

let market: TestMarket;
let gateway: Gateway;

const test = suite('load test against a gateway', { timeoutMs: 60_000 });

test.before(async () => {
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

const small = { ...PLAN, rate: 2_000, frameTicks: 10, symbols: 40, warmUpMs: 300, durationMs: 700, settleMs: 30_000 };

/** A machine that is busy with other things makes the tool late; everything else must hold. */
function realFailures(failures: readonly string[]): string[] {
  return failures.filter((failure) => !failure.startsWith('the load tool could not keep the rate: it was'));
}

test('everything sent is acknowledged, committed, and delivered to every dashboard', async () => {
  const result = await runLoad({ ...small, url: gateway.url, subscribers: 4 });
  assert.equal(realFailures(result.failures), []);
  assert.is(result.sentTicks, 2_000);
  assert.is(result.committedTicks, 2_000);
  assert.is(result.deliveries, 8_000);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), 2_000);
  // Only what was due after the warm-up is timed: 70 % of 200 frames, and of the deliveries.
  assert.is(result.ackMs.count, 140);
  assert.is(result.committedMs.count, 140);
  assert.is(result.deliveryMs.count, 5_600);
  assert.ok(result.ackMs.p50 > 0 && result.ackMs.p50 <= result.committedMs.p50);
  assert.match(formatLoadResult(result), /^to committed +[\d,.]+ +[\d,.]+/m);
});

test('dashboards with few symbols, the newest of each, as JSON', async () => {
  const plan = {
    ...small,
    url: gateway.url,
    feeds: 1,
    subscribers: 3,
    subscribe: 7,
    mode: 'latest',
    codec: 'json',
  } as const;
  const result = await runLoad(plan);
  assert.equal(realFailures(result.failures), []);
  assert.ok(result.deliveries > 0 && result.deliveries <= 3 * 2_000);
});

test('a gateway that nobody flushes', async () => {
  const unflushed = await startGateway(
    market.configWith({ FLUSH_ENABLED: 'false', TICKS_PREFIX: `${market.prefix}x` }),
  );
  try {
    await setupDatabase(market.db, market.configWith({ TICKS_PREFIX: `${market.prefix}x` }));
    const plan = { ...small, url: unflushed.url, settleMs: 500 };
    assert.equal(realFailures((await runLoad(plan)).failures), ['2000 of 2000 ticks were not committed']);
    assert.equal(realFailures((await runLoad({ ...plan, until: 'acked' })).failures), []);
  } finally {
    await unflushed.close();
  }
});

test('a gateway that is not there', async () => {
  // Nothing listens on port 1.
  const outcome = await runLoad({ ...small, url: 'http://127.0.0.1:1' }, { openLimitMs: 300 }).then(
    () => 'ran',
    (error: unknown) => String(error),
  );
  assert.match(outcome, /the gateway at http:\/\/127.0.0.1:1 did not open the feeds in 0.3 s/);
});
