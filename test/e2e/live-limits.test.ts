import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { type RawLiveClient, rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';

const test = suite('/v1/live beside a token that asks for much', { timeoutMs: 30_000 });
const NAMES: readonly string[] = Array.from({ length: 300 }, (_, at) => `SYM${at}`);
let live: LiveMarket;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'live-limits-'));
  const file = join(folder, 'tokens.json');
  const row = (name: string, role: string): object => ({
    name,
    sha256: createHash('sha256').update(name).digest('hex'),
    roles: [role],
  });
  await writeFile(file, JSON.stringify({ tokens: [row('feed', 'feed'), row('much', 'live'), row('little', 'live')] }));
  live = await openLiveMarket({ GATEWAY_TOKENS_FILE: file, LIVE_MAX_FEEDS: '3' });
});
test.after(async () => {
  await live.close();
  await rm(folder, { recursive: true });
});

async function subscribed(token: string, request: object): Promise<RawLiveClient> {
  const client = await rawLiveClient(live.gateway.url, { token, limitMs: 10_000 });
  client.send({ action: 'subscribe', ...request });
  await client.take('subscription', ({ T }) => T === 'subscription');
  return client;
}

test('forty connections change one of 300 names sixty times: all answered in order, others have their ticks', async () => {
  const flood = await Promise.all(Array.from({ length: 40 }, () => subscribed('much', { trades: NAMES })));
  const other = await subscribed('little', { trades: ['SYM1'] });
  const feed = new FeedClient({ url: live.gateway.url, feed: 'limits', token: 'feed' });
  await publish(feed, tick('SYM1', 1));
  await other.take('first', ({ p }) => p === 1);
  for (const [at, client] of flood.entries()) {
    for (let change = 0; change < 60; change++) {
      const action = change % 2 === 0 ? 'unsubscribe' : 'subscribe';
      client.send({ action, trades: [NAMES[(at + (change >> 1)) % NAMES.length]] });
    }
    client.send({ action: 'unsubscribe', trades: NAMES.slice(2) });
  }
  await publish(feed, tick('SYM1', 2), tick('SYM5', 2));
  await other.take('second', ({ p }) => p === 2);
  for (const client of flood) {
    await client.take('the last answer', ({ trades }) => Array.isArray(trades) && trades.length === 2);
    const sizes = client.ofType('subscription').map(({ trades }) => (Array.isArray(trades) ? trades.length : -1));
    assert.equal(sizes, [300, ...Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? 299 : 300)), 2]);
  }
  await publish(feed, tick('SYM5', 3), tick('SYM1', 3));
  for (const client of [...flood, other]) {
    await client.take('third', ({ p }) => p === 3);
    assert.is(client.ofType('t').filter(({ p }) => p === 3).length, 1, 'SYM1 only');
  }
  await feed.close();
  await Promise.all([...flood, other].map((client) => client.close()));
});

test('feeds under flushes: counted, and checked like names', async () => {
  const client = await subscribed('little', { flushes: ['a', 'b', 'c', '*'] });
  client.send({ action: 'subscribe', flushes: ['d'] });
  await client.take('405', ({ code }) => code === 405);
  client.send({ action: 'subscribe', flushes: ['no feed'] });
  await client.take('400', ({ code }) => code === 400);
  client.send({ action: 'unsubscribe', flushes: ['a'] });
  client.send({ action: 'subscribe', flushes: ['d'] });
  await client.take('state', ({ flushes }) => JSON.stringify(flushes) === '["b","c","*","d"]');
  await client.close();
});

test('forty resumes at once of one token, and one of another: each gets everything, once', async () => {
  const first = await subscribed('little', { trades: ['RES'], positions: true });
  const resume = String((await first.take('position', ({ T }) => T === 'pos'))['at']);
  const feed = new FeedClient({ url: live.gateway.url, feed: 'resumed', token: 'feed' });
  for (let at = 0; at < 20; at++) {
    await publish(feed, ...Array.from({ length: 50 }, (_, row) => tick('RES', at * 50 + row + 1)));
  }
  const clients = await Promise.all(
    [...Array.from({ length: 40 }, () => 'much'), 'little'].map((token) =>
      subscribed(token, { trades: ['RES'], resume }),
    ),
  );
  await publish(feed, tick('RES', 1_001));
  for (const client of clients) {
    await client.take('the last', ({ p }) => p === 1_001);
    assert.equal(
      client.ofType('t').map(({ p }) => p),
      Array.from({ length: 1_001 }, (_, at) => at + 1),
    );
    assert.is(client.ofType('gap').length, 0);
  }
  await feed.close();
  await Promise.all([first, ...clients].map((client) => client.close()));
});
