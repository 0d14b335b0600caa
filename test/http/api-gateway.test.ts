import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { lastAnswer, ticksAnswer } from '../../src/http/api-answers.ts';
import { formatMicros } from '../../src/market/tick.ts';
import { findFreePort } from '../../src/stack/free-port.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';
import { parseMetricsText } from './metrics-text.ts';

const test = suite('HTTP side of a gateway', { timeoutMs: 30_000 });
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

async function scrape(url: string): Promise<(sample: string) => number> {
  const answer = await fetch(url);
  assert.is(answer.status, 200);
  const families = parseMetricsText(await answer.text());
  return (sample) => {
    for (const { samples } of families.values()) if (samples.has(sample)) return samples.get(sample) ?? Number.NaN;
    throw new Error(`no sample ${sample}`);
  };
}

test('what a feed was told committed is in the API and counted', async () => {
  const startMicros = Date.now() * 1_000 - 60_000_000;
  const ticks = Array.from({ length: 1_000 }, (_, i) => ({
    symbol: i % 2 === 0 ? 'COMI' : 'SWDY',
    price: 80 + i / 1_000,
    volume: i,
    timeMicros: startMicros + i * 17,
  }));
  const bad = { symbol: 'COMI', price: -1, volume: 1, timeMicros: startMicros };
  const feed = new FeedClient({ url: gateway.url, feed: 'api-test' });
  for (let from = 0; from < ticks.length; from += 100) await feed.publishFrame(ticks.slice(from, from + 100));
  await feed.publishFrame([bad]);
  await feed.drained();
  assert.is((await scrape(`${gateway.url}/metrics`))('tickgate_feeds'), 1);
  await feed[Symbol.asyncDispose]();

  const stored = await fetch(`${gateway.url}/api/ticks?symbol=COMI&from=${startMicros}&limit=1000`);
  assert.equal(
    ticksAnswer.parse(await stored.json()).ticks,
    ticks
      .filter((tick) => tick.symbol === 'COMI')
      .map((tick) => ({ time: formatMicros(tick.timeMicros), price: tick.price, volume: tick.volume })),
  );
  const last = lastAnswer.parse(await (await fetch(`${gateway.url}/api/last`)).json());
  assert.equal(
    last.ticks.map((tick) => [tick.symbol, tick.volume]),
    [
      ['COMI', 998],
      ['SWDY', 999],
    ],
  );

  const sample = await scrape(`${gateway.url}/metrics`);
  const expected: Readonly<Record<string, number>> = {
    tickgate_ticks_accepted_total: 1_000,
    tickgate_frames_accepted_total: 11,
    'tickgate_ticks_rejected_total{reason="price_out_of_range"}': 1,
    tickgate_ticks_committed_total: 1_000,
    tickgate_rejected_stored_total: 1,
    tickgate_flush_rows_sum: 1_000,
    tickgate_commit_latency_seconds_count: 1_000,
    tickgate_buffer_ticks: 0,
    tickgate_buffer_oldest_age_seconds: 0,
    'tickgate_up{dependency="redis"}': 1,
    'tickgate_up{dependency="timescaledb"}': 1,
    'tickgate_up{dependency="flush"}': 1,
    'tickgate_redis_reconnects_total{role="write"}': 0,
  };
  for (const [name, number] of Object.entries(expected)) assert.is(sample(name), number, name);
  assert.ok(sample('tickgate_commit_latency_seconds_sum') / 1_000 < 10);
  assert.ok(sample('tickgate_flush_duration_seconds_count') >= 1);
});

test('ticks that wait for a flush grow old', async () => {
  await using idle = await startGateway(market.configWith({ FLUSH_ENABLED: 'false' }));
  await gateway.close();
  const feed = new FeedClient({ url: idle.url, feed: 'api-waiting' });
  const frame = await feed.publishFrame([{ symbol: 'COMI', price: 1, volume: 1, timeMicros: Date.now() * 1_000 }]);
  await frame.acked();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const sample = await scrape(`${idle.url}/metrics`);
  assert.is(sample('tickgate_buffer_ticks'), 1);
  const age = sample('tickgate_buffer_oldest_age_seconds');
  assert.ok(age >= 0.29 && age < 20, String(age));
  assert.is(sample('tickgate_ticks_committed_total'), 0);
  gateway = await startGateway(market.config);
  await frame.committed();
  await feed[Symbol.asyncDispose]();
  assert.is((await scrape(`${idle.url}/metrics`))('tickgate_buffer_ticks'), 0);
});

test('metrics on a port of their own are on no other', async () => {
  const port = await findFreePort();
  await using other = await startGateway(market.configWith({ METRICS_PORT: String(port), FLUSH_ENABLED: 'false' }));
  assert.is((await fetch(`${other.url}/metrics`)).status, 404);
  assert.is((await scrape(`http://127.0.0.1:${port}/metrics`))('tickgate_connections'), 0);
});
