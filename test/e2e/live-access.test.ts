import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { type RawLiveClient, rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';

const test = suite('/v1/live under tokens');
let live: LiveMarket;
let folder: string;

const row = (name: string, roles: string[], symbols?: string[]): object => ({
  name,
  sha256: createHash('sha256').update(`${name}-token`).digest('hex'),
  roles,
  ...(symbols === undefined ? {} : { symbols }),
});

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'live-access-'));
  const file = join(folder, 'tokens.json');
  const tokens = [row('feed', ['feed']), row('all', ['live']), row('some', ['live'], ['COMI', 'SWDY'])];
  await writeFile(file, JSON.stringify({ tokens }));
  live = await openLiveMarket({ GATEWAY_TOKENS_FILE: file });
});
test.after(async () => {
  await live.close();
  await rm(folder, { recursive: true });
});

async function watcher(token: string, where: 'header' | 'message'): Promise<RawLiveClient> {
  const client = await rawLiveClient(live.gateway.url, where === 'header' ? { token } : {});
  if (where === 'message') client.send({ action: 'auth', token });
  return client;
}

for (const where of ['header', 'message'] as const) {
  test(`a good token as ${where} is told "authenticated"`, async () => {
    const client = await watcher('all-token', where);
    assert.is((await client.take('welcome', () => true))['msg'], 'connected');
    assert.is((await client.take('answer', () => true))['msg'], 'authenticated');
    client.send({ action: 'subscribe', trades: ['*'] });
    assert.equal((await client.take('state', () => true))['trades'], ['*']);
    await client.close();
  });
}

test('Alpaca’s form of auth works with a token', async () => {
  const client = await rawLiveClient(live.gateway.url);
  client.send({ action: 'auth', key: 'whatever', secret: 'all-token' });
  await client.take('authenticated', ({ msg }) => msg === 'authenticated');
  await client.close();
});

test('a bad token is 402 and the final close 4500', async () => {
  const client = await watcher('wrong', 'message');
  await client.take('402', ({ code }) => code === 402);
  assert.is(await client.closed, 4500);
});

test('subscribing without a token is 401 and 4500', async () => {
  const client = await rawLiveClient(live.gateway.url);
  client.send({ action: 'subscribe', trades: ['COMI'] });
  await client.take('401', ({ code }) => code === 401);
  assert.is(await client.closed, 4500);
});

test('a feed’s token may not watch: 409 and 4509', async () => {
  const client = await watcher('feed-token', 'message');
  await client.take('409', ({ code }) => code === 409);
  assert.is(await client.closed, 4509);
});

test('a token for some symbols: others are 409 and change nothing; * is what it may see', async () => {
  const client = await watcher('some-token', 'message');
  await client.take('authenticated', ({ msg }) => msg === 'authenticated');
  for (const request of [{ trades: ['COMI', 'ABUK'] }, { bars: ['ABUK'] }, { flushes: ['*'] }]) {
    client.send({ action: 'subscribe', ...request });
    await client.take('409', ({ code }) => code === 409);
  }
  client.send({ action: 'subscribe', trades: ['*'], snapshot: true });
  assert.equal((await client.take('state', ({ T }) => T === 'subscription'))['trades'], ['*']);
  const feed = new FeedClient({ url: live.gateway.url, feed: 'access', token: 'feed-token' });
  await publish(feed, tick('ABUK', 1), tick('COMI', 2), tick('SWDY', 3));
  await client.take('SWDY', ({ S }) => S === 'SWDY');
  assert.equal(
    client.ofType('t').map(({ S }) => S),
    ['COMI', 'SWDY'],
  );
  client.send({ action: 'subscribe', trades: ['*'], snapshot: true });
  await client.take('state', ({ T }) => T === 'subscription');
  await client.take('last', ({ T, S }) => T === 'last' && S === 'SWDY');
  assert.equal(
    client.ofType('last').map(({ S }) => S),
    ['COMI', 'SWDY'],
  );
  await feed.close();
  await client.close();
});
