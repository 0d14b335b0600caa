import * as assert from 'uvu/assert';
import type { FeedClient } from '../../clients/feed/feed-client.ts';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { type RawLiveClient, rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const test = suite('a slow dashboard', { timeoutMs: 60_000 });
const QUEUE_BYTES = 256 * 1024;
const SLOW_MS = 3_000;
let live: LiveMarket;
let feed: FeedClient;
let price = 0;

test.before(async () => {
  live = await openLiveMarket({ LIVE_QUEUE_BYTES: String(QUEUE_BYTES), LIVE_SLOW_MS: String(SLOW_MS) });
  feed = live.feed('slow-test');
});
test.after(() => live.close());

async function subscribed(request: object): Promise<RawLiveClient> {
  const client = await rawLiveClient(live.gateway.url);
  client.send({ action: 'subscribe', ...request });
  await client.take('subscription', ({ T }) => T === 'subscription');
  return client;
}

/** Ticks of two symbols whose prices count; far more than kernel and queue hold. */
async function publishMany(ticks: number): Promise<void> {
  for (let left = ticks; left > 0; left -= 1_000) {
    const frame = Array.from({ length: 500 }, () => [tick('SLOA', ++price), tick('SLOB', price)]).flat();
    await publish(feed, ...frame);
  }
}

const pricesOf = (client: RawLiveClient, symbol: string): number[] =>
  client
    .ofType('t')
    .filter(({ S }) => S === symbol)
    .map(({ p }) => Number(p));

test('mode all: it is told how many ticks it missed, exactly, and goes on; others get everything', async () => {
  const slow = await subscribed({ trades: ['SLOA'] });
  const good = await subscribed({ trades: ['SLOA'] });
  const first = price + 1;
  slow.socket.pause();
  for (let round = 0; round < 40; round++) await publishMany(4_000);
  await until('the good one has all', () => pricesOf(good, 'SLOA').at(-1) === price);
  slow.socket.resume();
  await slow.take('gap', ({ T }) => T === 'gap');
  await publish(feed, tick('SLOA', ++price));
  await slow.take('the last', ({ p }) => p === price);
  await until('the good one has the last', () => pricesOf(good, 'SLOA').at(-1) === price);
  const gaps = slow.ofType('gap');
  const dropped = gaps.reduce((sum, gap) => sum + Number(gap['dropped']), 0);
  assert.ok(dropped > 0);
  assert.is(pricesOf(slow, 'SLOA').length + dropped, price - first + 1);
  assert.ok(
    gaps.every(({ reason, from, to }) => reason === 'slow' && Date.parse(String(from)) <= Date.parse(String(to))),
  );
  assert.is(good.ofType('gap').length, 0);
  assert.is(pricesOf(good, 'SLOA').length, price - first + 1);
  good.socket.terminate();
  slow.socket.terminate();
});

test('mode latest: no gap, fewer ticks, and the newest of each symbol', async () => {
  const slow = await subscribed({ trades: ['SLOA', 'SLOB'], mode: 'latest' });
  const first = price + 1;
  slow.socket.pause();
  // Not so long that it would be cut: who does not read at all for that time is.
  const endMs = Date.now() + SLOW_MS * 0.8;
  for (let round = 0; round < 40 && Date.now() < endMs; round++) await publishMany(4_000);
  const newest = price;
  slow.socket.resume();
  await slow.take('the newest A', ({ S, p }) => S === 'SLOA' && p === newest);
  await until('the newest B', () => pricesOf(slow, 'SLOB').at(-1) === newest);
  assert.is(slow.ofType('gap').length, 0);
  const published = newest - first + 1;
  const shown = pricesOf(slow, 'SLOA').length;
  assert.ok(shown < published * 0.75, `${shown} of ${published} ticks were shown`);
  slow.socket.terminate();
});

for (const mode of ['all', 'latest']) {
  test(`mode ${mode}: one that does not read at all is told 407 and closed with 4008; nobody else notices`, async () => {
    const dead = await subscribed({ trades: ['*'], mode });
    const good = await subscribed({ trades: ['SLOA'] });
    const first = price + 1;
    dead.socket.pause();
    const endMs = Date.now() + SLOW_MS + 2_500;
    while (Date.now() < endMs) {
      await publishMany(4_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until('the good one has all', () => pricesOf(good, 'SLOA').at(-1) === price);
    assert.is(pricesOf(good, 'SLOA').length, price - first + 1);
    dead.socket.resume();
    // Cut off with unread bytes before the verdict, it sees only that: 1006.
    const code = await dead.closed;
    assert.ok(code === 4008 || code === 1006, `closed with ${code}`);
    if (code === 4008) assert.is(dead.ofType('error').at(-1)?.['code'], 407);
    good.socket.terminate();
  });
}

test('maxHz: so many arrays a second; latest keeps the newest, all keeps everything', async () => {
  const latest = await subscribed({ trades: ['SLOA'], mode: 'latest', maxHz: 10 });
  const all = await subscribed({ trades: ['SLOA'], maxHz: 10 });
  const [latestBefore, allBefore] = [latest.arrays, all.arrays];
  const first = price + 1;
  const endMs = Date.now() + 1_000;
  while (Date.now() < endMs) {
    await publish(feed, tick('SLOA', ++price));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await latest.take('the newest', ({ p }) => p === price);
  await until('all', () => pricesOf(all, 'SLOA').at(-1) === price);
  assert.ok(latest.arrays - latestBefore <= 13, `${latest.arrays - latestBefore} arrays`);
  assert.ok(all.arrays - allBefore <= 13, `${all.arrays - allBefore} arrays`);
  assert.ok(pricesOf(latest, 'SLOA').length <= 13);
  assert.equal(
    pricesOf(all, 'SLOA'),
    Array.from({ length: price - first + 1 }, (_, at) => first + at),
  );
});
