import type { ChildProcess } from 'node:child_process';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { nodeLiveClient } from '../../clients/live/node-live-client.ts';
import type { LiveClient } from '../../clients/live/live-client.ts';
import type { Tick } from '../../src/market/tick.ts';
import { TickLedger } from '../fanout/tick-ledger.ts';
import { suite } from '../support/suite.ts';
import { gatewayAddress, killed, openTestMarket, type TestMarket, until } from '../support/test-market.ts';

const TICKS = Number(process.env['TICKGATE_LIVE_TICKS'] ?? '50000');
const FRAME = 50;
const FRAMES_A_BURST = 5;
const BURST_MS = 20;

const test = suite('several gateways under fire', { timeoutMs: 300_000 });
let market: TestMarket;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
});
test.after(() => market.close());

interface Watcher {
  readonly ledger: TickLedger;
  readonly client: LiveClient;
}

function watch(url: string): Watcher {
  const ledger = new TickLedger();
  const client = nodeLiveClient({ url, onGap: (gap) => ledger.gaps.push(gap) });
  client.onTick(['*'], (tick) => ledger.saw(tick));
  return { ledger, client };
}

/** Publishes `TICKS` counting ticks. @returns when each was published, by its number */
async function publishAll(url: string, name: string): Promise<number[]> {
  const feed = new FeedClient({ url, feed: name });
  const publishedMicros: number[] = [0];
  const frame = (): Tick[] => {
    const timeMicros = Date.now() * 1_000;
    return Array.from({ length: FRAME }, () => {
      const volume = publishedMicros.push(timeMicros) - 1;
      return { symbol: `S${volume % 50}`, price: 1, volume, timeMicros };
    });
  };
  while (publishedMicros.length <= TICKS) {
    for (let at = 0; at < FRAMES_A_BURST; at++) await feed.publishFrame(frame());
    await new Promise((resolve) => setTimeout(resolve, BURST_MS));
  }
  await feed.drained();
  await feed.close();
  return publishedMicros;
}

async function judge(watchers: readonly Watcher[], publishedMicros: readonly number[]): Promise<void> {
  await until(
    'every dashboard is at the end',
    () => watchers.every(({ ledger }) => ledger.last === publishedMicros.length - 1),
    30_000,
  );
  for (const { ledger, client } of watchers) {
    client.close();
    assert.equal(ledger.disorder, []);
    assert.equal(ledger.unexplained(publishedMicros, 2_000_000), []);
  }
}

test('one of two gateways is killed every few seconds: each tick once, or a gap that says which', async () => {
  const ports = [0, 1].map((at) => 22_000 + at * 5_000 + Math.floor(Math.random() * 4_000));
  const serve = (at: number): ChildProcess => market.spawn(['serve'], { GATEWAY_PORT: String(ports[at]) });
  const gateways = [serve(0), serve(1)];
  const urls = await Promise.all(gateways.map(gatewayAddress));
  const watchers = urls.flatMap((url) => [watch(url), watch(url), watch(url)]);
  await until('all watch', () => watchers.every(({ client }) => client.state === 'live'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const stop = new AbortController();
  let kills = 0;
  const killing = (async () => {
    while (!stop.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const at = kills++ % 2;
      const victim = gateways[at];
      if (victim !== undefined) await killed(victim);
      const next = serve(at);
      gateways[at] = next;
      await gatewayAddress(next);
    }
  })();
  const publishedMicros = await publishAll(urls[0] ?? '', 'fire-kill');
  stop.abort();
  await killing;
  assert.ok(kills >= 2, `${kills} kills`);
  await judge(watchers, publishedMicros);
  // A window of 60 s holds everything that a restart takes: no gap is called for at all.
  for (const { ledger } of watchers) assert.equal([ledger.gaps, ledger.missing], [[], []]);
});

test('the subscribing connections to Redis are killed all the time: the same', async () => {
  const gateway = market.spawn(['serve']);
  const url = await gatewayAddress(gateway);
  const watchers = [watch(url), watch(url)];
  await until('all watch', () => watchers.every(({ client }) => client.state === 'live'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const killing = setInterval(() => void market.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), 700);
  const publishedMicros = await publishAll(url, 'fire-pubsub');
  clearInterval(killing);
  await judge(watchers, publishedMicros);
  for (const { ledger } of watchers) assert.equal([ledger.gaps, ledger.missing], [[], []]);
  await killed(gateway);
});
