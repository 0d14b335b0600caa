import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { nodeLiveClient } from '../../clients/live/node-live-client.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { parseMetricsText } from './metrics-text.ts';

const test = suite('metrics of the live side', { timeoutMs: 30_000 });
const FRAMES = 20;
const FRAME_TICKS = 50;
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

async function scrape(): Promise<(sample: string) => number> {
  const families = parseMetricsText(await (await fetch(`${gateway.url}/metrics`)).text());
  return (sample) => {
    for (const { samples } of families.values()) if (samples.has(sample)) return samples.get(sample) ?? Number.NaN;
    throw new Error(`no sample ${sample}`);
  };
}

const frameOf = (round: number) =>
  Array.from({ length: FRAME_TICKS }, (_, at) => ({
    symbol: at % 2 === 0 ? 'COMI' : 'SWDY',
    price: 10 + round,
    volume: at,
    timeMicros: Date.now() * 1_000 + at,
  }));

test('two dashboards: what they got, in what time', async () => {
  const got = [0, 0];
  const all = nodeLiveClient({ url: gateway.url });
  const some = nodeLiveClient({ url: gateway.url });
  all.onTick(['*'], () => (got[0] = (got[0] ?? 0) + 1));
  some.onTick(['SWDY'], () => (got[1] = (got[1] ?? 0) + 1));
  await until('both watch', () => all.state === 'live' && some.state === 'live');
  const feed = new FeedClient({ url: gateway.url, feed: 'metrics-live' });
  await feed.opened();
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let round = 0; round < FRAMES; round++) await feed.publishFrame(frameOf(round));
  const sent = FRAMES * FRAME_TICKS;
  await until('both got theirs', () => got[0] === sent && got[1] === sent / 2);
  const sample = await scrape();
  const expected: Readonly<Record<string, number>> = {
    tickgate_connections: 3,
    tickgate_live_subscribers: 2,
    tickgate_live_send_queue_bytes: 0,
    tickgate_live_delivered_total: sent + sent / 2,
    tickgate_live_latency_seconds_count: sent + sent / 2,
    'tickgate_live_dropped_total{reason="slow"}': 0,
  };
  for (const [name, number] of Object.entries(expected)) assert.is(sample(name), number, name);
  assert.ok(sample('tickgate_live_frames_total') >= 2);
  assert.ok(sample('tickgate_live_sent_bytes_total') > sent * 50);
  assert.ok(sample('tickgate_live_latency_seconds_sum') / sent < 5);
  all.close();
  some.close();
  await feed[Symbol.asyncDispose]();
  await until('they are gone', async () => (await scrape())('tickgate_live_subscribers') === 0);
});

test('a dashboard that does not read: what waits for it, and what it did not get', async () => {
  const slow = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/live`);
  await new Promise((resolve) => slow.once('open', resolve));
  slow.send(JSON.stringify({ action: 'subscribe', trades: ['*'] }));
  await new Promise((resolve) => slow.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, 500));
  slow.pause();
  const feed = new FeedClient({ url: gateway.url, feed: 'metrics-slow' });
  let waited = 0;
  for (let round = 0; (await scrape())('tickgate_live_dropped_total{reason="slow"}') === 0; round++) {
    for (let i = 0; i < 100; i++) await feed.publishFrame(frameOf(round));
    waited = Math.max(waited, (await scrape())('tickgate_live_send_queue_bytes'));
  }
  assert.ok(waited > 64 * 1024, `${waited} bytes`);
  slow.terminate();
  await feed[Symbol.asyncDispose]();
});
