import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { LiveGap, LiveTick } from '../../clients/live/live-events.ts';
import { LiveClosedError, type LiveState } from '../../clients/live/live-link.ts';
import type { LiveClient, LiveClientOptions } from '../../clients/live/live-client.ts';
import { nodeLiveClient } from '../../clients/live/node-live-client.ts';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { suite } from '../support/suite.ts';
import { gatewayAddress, killed, until } from '../support/test-market.ts';

const test = suite('the live client', { timeoutMs: 30_000 });
const FAST = { firstMs: 20, maxMs: 200 };
let live: LiveMarket;
const clients: LiveClient[] = [];

test.before(async () => {
  live = await openLiveMarket();
});
test.after.each(() => {
  for (const client of clients.splice(0)) client.close();
});
test.after(() => live.close());

function watcher(options: Partial<LiveClientOptions> = {}): LiveClient {
  const client = nodeLiveClient({ url: live.gateway.url, reconnect: FAST, ...options });
  clients.push(client);
  return client;
}

/** Reads in the background. */
function collect<T>(items: AsyncIterable<T>): T[] {
  const seen: T[] = [];
  void (async () => {
    for await (const item of items) seen.push(item);
  })().catch(() => undefined);
  return seen;
}

const subscribed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));
const prices = (ticks: readonly LiveTick[]): number[] => ticks.map(({ price }) => price);

test('two loops over one connection: each gets its symbols; leaving one leaves the other', async () => {
  const feed = live.feed('client-loops');
  const client = watcher();
  const both = collect(client.ticks(['LOPA', 'LOPB']));
  const seenA: number[] = [];
  const reading = (async () => {
    for await (const each of client.ticks(['LOPA'])) {
      seenA.push(each.price);
      if (each.price === 2) break;
    }
  })();
  await subscribed();
  await publish(feed, tick('LOPA', 1), tick('LOPB', 1), tick('LOPC', 1));
  await publish(feed, tick('LOPA', 2));
  await reading;
  await publish(feed, tick('LOPA', 3), tick('LOPB', 3));
  await until('all', () => both.length === 5);
  assert.equal(seenA, [1, 2]);
  assert.equal(prices(both), [1, 1, 2, 3, 3]);
  assert.equal([client.latest.get('LOPA')?.price, client.latest.get('LOPC')], [3, undefined]);
});

test('a snapshot, bars and flushes through the same connection', async () => {
  const feed = live.feed('client-kinds');
  const minute = Math.floor(Date.now() / 60_000) * 60_000_000 - 600_000_000;
  const client = watcher({ snapshot: true });
  const bars = collect(client.bars(['KIND'], { updates: true }));
  const flushes = collect(client.flushes(['client-kinds']));
  await subscribed();
  await publish(feed, tick('KIND', 5, minute));
  await feed.drained();
  const ticks = collect(client.ticks(['KIND']));
  await until('the snapshot', () => ticks.length === 1);
  assert.equal([ticks[0]?.price, ticks[0]?.isSnapshot, ticks[0]?.timeMicros], [5, true, minute]);
  await publish(feed, tick('KIND', 6, minute + 60_000_000));
  await until('the bar', () => bars.length > 0);
  assert.equal([bars[0]?.close, bars[0]?.trades, bars[0]?.averagePrice, bars[0]?.isUpdate], [5, 1, 5, false]);
  await until('the flush', () => flushes.length > 0);
});

test('the gateway is killed, comes back, and every tick comes once', async () => {
  const port = String(27_000 + Math.floor(Math.random() * 2_000));
  const serve = (): ReturnType<typeof live.market.spawn> => live.market.spawn(['serve'], { GATEWAY_PORT: port });
  const first = serve();
  const url = await gatewayAddress(first);
  const states: LiveState[] = [];
  const gaps: LiveGap[] = [];
  const client = watcher({ url, onState: (state) => states.push(state), onGap: (gap) => gaps.push(gap) });
  const ticks = collect(client.ticks(['KILL']));
  await until('live', () => client.state === 'live');
  await subscribed();
  const feed = live.feed('client-kill');
  await publish(feed, tick('KILL', 1));
  await until('the first', () => ticks.length === 1);
  await killed(first);
  await until('noticed', () => states.includes('waiting'));
  for (const price of [2, 3, 4]) await publish(feed, tick('KILL', price));
  const second = serve();
  await gatewayAddress(second);
  await until('all', () => ticks.length >= 4);
  await publish(feed, tick('KILL', 5));
  await until('the last', () => ticks.at(-1)?.price === 5);
  assert.equal(prices(ticks), [1, 2, 3, 4, 5]);
  assert.equal(gaps, []);
  await killed(second);
});

test('a gateway that is stopped, not closed, is noticed; the next one goes on', async () => {
  const first = live.market.spawn(['serve']);
  const url = await gatewayAddress(first);
  let stale = 0;
  const client = watcher({ url, staleMs: 6_000, onStale: () => (stale += 1) });
  collect(client.ticks(['STOP']));
  await until('live', () => client.state === 'live');
  first.kill('SIGSTOP');
  await until('stale', () => stale > 0, 10_000);
  await until('tries again', () => client.state !== 'live');
  first.kill('SIGCONT');
  await until('live again', () => client.state === 'live');
  await killed(first);
});

test('a quiet market is not stale: heartbeats come, with the age of each feed', async () => {
  const feed = live.feed('client-beat');
  await publish(feed, tick('BEAT', 1));
  const ages: string[] = [];
  let stale = 0;
  const client = watcher({
    staleMs: 7_000,
    onStale: () => (stale += 1),
    onHeartbeat: (feeds) => ages.push(...feeds.map(({ feed: name }) => name)),
  });
  collect(client.ticks(['NONE']));
  await until('a heartbeat', () => ages.includes('client-beat'), 8_000);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.is(stale, 0);
});

test('a reader that is too slow loses the oldest and is told', async () => {
  const gaps: LiveGap[] = [];
  const client = watcher({ maxQueued: 50, onGap: (gap) => gaps.push(gap) });
  const loop = client.ticks(['LAZY']);
  await subscribed();
  await publish(live.feed('client-lazy'), ...Array.from({ length: 500 }, (_, at) => tick('LAZY', at + 1)));
  await until('the last', () => client.latest.get('LAZY')?.price === 500);
  const seen: number[] = [];
  for await (const { price } of loop) {
    seen.push(price);
    if (price === 500) break;
  }
  assert.is(seen.length + gaps.reduce((sum, { dropped }) => sum + (dropped ?? 0), 0), 500);
  assert.ok(gaps.every(({ reason }) => reason === 'consumer'));
});

test('more symbols than the gateway allows: the refusal is told', async () => {
  const errors: number[] = [];
  const client = watcher({ onError: (code) => errors.push(code) });
  collect(client.ticks(Array.from({ length: 513 }, (_, at) => `S${at}`)));
  await until('405', () => errors.includes(405));
});

test('tokens: asked for at each connection, once more when refused, and in the end it is over', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'live-client-'));
  const file = join(folder, 'tokens.json');
  const sha256 = createHash('sha256').update('good').digest('hex');
  await writeFile(file, JSON.stringify({ tokens: [{ name: 'one', sha256, roles: ['live'] }] }));
  const gateway = await live.startGateway({ GATEWAY_TOKENS_FILE: file });
  let asked = 0;
  const renewed = watcher({ url: gateway.url, token: () => Promise.resolve(++asked === 1 ? 'expired' : 'good') });
  collect(renewed.ticks(['*']));
  await until('live with the second token', () => renewed.state === 'live' && asked === 2);
  const refused = watcher({ url: gateway.url, token: 'bad' });
  try {
    for await (const _ of refused.ticks(['*'])) assert.unreachable();
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof LiveClosedError);
    assert.is(error.code, 4500);
  }
  assert.is(refused.state, 'closed');
  await gateway.close();
  await rm(folder, { recursive: true });
});

test('closing ends the loops without an error', async () => {
  const client = watcher();
  const reading = (async () => {
    for await (const _ of client.ticks(['*'])) assert.unreachable();
    return 'ended';
  })();
  await until('live', () => client.state === 'live');
  client.close();
  assert.is(await reading, 'ended');
  assert.equal(await client.ticks(['*']).next(), { value: undefined, done: true });
});

test('an address that is none', () => {
  assert.throws(() => nodeLiveClient({ url: 'nowhere at all' }));
});
