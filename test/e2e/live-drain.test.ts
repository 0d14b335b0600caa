import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';

const test = suite('a gateway that drains');
let live: LiveMarket;

test.before(async () => {
  live = await openLiveMarket();
});
test.after(() => live.close());

test('dashboards are told when to come back, spread out, and closed with 4001; elsewhere they go on', async () => {
  const other = await live.startGateway();
  const leaving = await live.startGateway();
  const clients = await Promise.all(Array.from({ length: 10 }, () => rawLiveClient(leaving.url)));
  for (const client of clients) {
    client.send({ action: 'subscribe', trades: ['DRAN'], positions: true });
    await client.take('subscription', ({ T }) => T === 'subscription');
  }
  const feed = live.feed('drain-test');
  await publish(feed, tick('DRAN', 1));
  for (const client of clients) await client.take('tick', ({ T }) => T === 't');
  const closing = leaving.close();
  const waits = await Promise.all(
    clients.map(async (client) =>
      Number((await client.take('shutdown', ({ T }) => T === 'shutdown'))['reconnectAfterMs']),
    ),
  );
  assert.is(new Set(waits).size, 10, 'spread');
  assert.ok(waits.every((waitMs) => waitMs >= 0 && waitMs <= 5_000));
  const late = new WebSocket(`${leaving.url.replace('http', 'ws')}/v1/live`);
  const refusal = await new Promise<string>((resolve) => late.once('error', (error) => resolve(error.message)));
  assert.match(refusal, /503|ECONNREFUSED/);
  await publish(feed, tick('DRAN', 2));
  for (const client of clients) assert.is(await client.closed, 4001);
  await closing;
  for (const client of clients) {
    const again = await rawLiveClient(other.url);
    const seen = client.ofType('t').map(({ p }) => p);
    again.send({ action: 'subscribe', trades: ['DRAN'], resume: client.ofType('pos').at(-1)?.['at'] });
    if (seen.length === 1) await again.take('tick 2', ({ p }) => p === 2);
    assert.equal([...seen, ...again.ofType('t').map(({ p }) => p)], [1, 2]);
    again.socket.terminate();
  }
});
