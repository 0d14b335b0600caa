import * as assert from 'uvu/assert';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { type RawLiveClient, rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const test = suite('a dashboard that comes back goes on where it was', { timeoutMs: 30_000 });
let live: LiveMarket;

test.before(async () => {
  live = await openLiveMarket({ RESUME_WINDOW_BYTES: String(256 * 1024) });
});
test.after(() => live.close());

async function subscribed(url: string, request: object, codec: 'json' | 'msgpack' = 'json'): Promise<RawLiveClient> {
  const client = await rawLiveClient(url, { codec });
  client.send({ action: 'subscribe', positions: true, ...request });
  await client.take('subscription', ({ T }) => T === 'subscription');
  return client;
}

const pricesOf = (client: RawLiveClient): number[] => client.ofType('t').map(({ p }) => Number(p));
const positionOf = (client: RawLiveClient): string => String(client.ofType('pos').at(-1)?.['at']);
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('every array of ticks ends with a position; so does the subscription', async () => {
  const client = await subscribed(live.gateway.url, { trades: ['POSN'] });
  await client.take('position', ({ T }) => T === 'pos');
  const feed = live.feed('positions-test');
  await publish(feed, tick('POSN', 1), tick('ELSE', 1));
  await client.take('tick', ({ T }) => T === 't');
  const last = client.messages.at(-1);
  assert.is(last?.T, 'pos');
  assert.match(String(last?.['at']), /^[\w.-]+$/);
});

for (const codec of ['json', 'msgpack'] as const) {
  test(`${codec}: cut in the middle of a stream, thirty times, on two gateways: each tick once`, async () => {
    const other = await live.startGateway();
    const feed = live.feed(`cut-${codec}`);
    const symbol = codec === 'json' ? 'CUTJ' : 'CUTM';
    let price = 0;
    const stop = new AbortController();
    const publishing = (async () => {
      while (!stop.signal.aborted)
        await publish(feed, tick(symbol, ++price), tick('ELSE', price), tick(symbol, ++price));
    })();
    let client = await subscribed(live.gateway.url, { trades: [symbol] }, codec);
    await until('some ticks', () => client.ofType('t').length > 10);
    const seen: number[] = [];
    for (let round = 0; round < 30; round++) {
      seen.push(...pricesOf(client));
      const resume = positionOf(client);
      client.socket.terminate();
      await new Promise((resolve) => setTimeout(resolve, round * 3));
      client = await subscribed(round % 2 === 0 ? other.url : live.gateway.url, { trades: [symbol], resume }, codec);
      const before = price;
      await until('live again', () => (pricesOf(client).at(-1) ?? 0) >= before);
      assert.equal(client.ofType('gap'), []);
    }
    stop.abort();
    await publishing;
    await until('the last tick', () => pricesOf(client).at(-1) === price);
    seen.push(...pricesOf(client));
    assert.equal(seen, upTo(seen[0] ?? 0, price));
    client.socket.terminate();
    await other.close();
  });
}

test('a gateway that has just started serves a position of another, from the stream', async () => {
  const feed = live.feed('fresh-test');
  const client = await subscribed(live.gateway.url, { trades: ['FRSH'] });
  await publish(feed, tick('FRSH', 1));
  await client.take('tick', ({ T }) => T === 't');
  const resume = positionOf(client);
  client.socket.terminate();
  for (const price of upTo(2, 50)) await publish(feed, tick('FRSH', price));
  const fresh = await live.startGateway();
  const again = await subscribed(fresh.url, { trades: ['FRSH'], resume });
  await until('all', () => again.ofType('t').length >= 49);
  assert.equal(pricesOf(again), upTo(2, 50));
  assert.equal(again.ofType('gap'), []);
  again.socket.terminate();
  await fresh.close();
});

test('a position that is out of reach, or none: a gap that says so, a snapshot if wanted, then live ticks', async () => {
  const feed = live.feed('reach-test');
  const client = await subscribed(live.gateway.url, { trades: ['RCHD'] });
  await publish(feed, tick('RCHD', 1));
  await client.take('tick', ({ T }) => T === 't');
  const resume = positionOf(client);
  client.socket.terminate();
  const fromMs = Date.now();
  // More than the resume window holds; the memory of a gateway that starts later can't have it either.
  const many = upTo(1, 4_000).map((price) => tick('FILL', price));
  for (let round = 0; round < 5; round++) await publish(feed, ...many);
  await publish(feed, tick('RCHD', 2));
  await feed.drained();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const fresh = await live.startGateway();
  const again = await subscribed(fresh.url, { trades: ['RCHD'], resume });
  const gap = await again.take('gap', ({ T }) => T === 'gap');
  assert.is(gap['reason'], 'resume');
  assert.ok(Date.parse(String(gap['from'])) <= fromMs && Date.parse(String(gap['to'])) >= fromMs, JSON.stringify(gap));
  const strange = await subscribed(fresh.url, { trades: ['RCHD'], resume: 'nothing we gave', snapshot: true });
  await strange.take('gap', ({ T }) => T === 'gap');
  assert.is((await strange.take('last', ({ T }) => T === 'last'))['p'], 2);
  await publish(feed, tick('RCHD', 3));
  assert.is((await strange.take('live', ({ T, p }) => T === 't' && p === 3)).T, 't');
  again.socket.terminate();
  strange.socket.terminate();
  await fresh.close();
});

test('Redis wiped in between: a gap, then everything that came after', async () => {
  const feed = live.feed('wipe-test');
  const client = await subscribed(live.gateway.url, { trades: ['WIPE'] });
  await publish(feed, tick('WIPE', 1));
  await client.take('tick', ({ T }) => T === 't');
  await feed.drained();
  const resume = positionOf(client);
  await live.market.redis.del(...(await live.market.redis.keys(`{${live.market.prefix}}:*`)));
  await publish(feed, tick('WIPE', 2));
  // The connection that stayed sees the tick, and no gap: it has missed nothing.
  await client.take('tick 2', ({ p }) => p === 2);
  assert.equal(client.ofType('gap'), []);
  const again = await subscribed(live.gateway.url, { trades: ['WIPE'], resume });
  await again.take('tick 2', ({ p }) => p === 2);
  assert.is(again.ofType('gap').length, 1);
  client.socket.terminate();
  again.socket.terminate();
});
