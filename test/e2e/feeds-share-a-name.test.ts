import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';

const test = suite('one name, several programs', { timeoutMs: 30_000 });
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.configWith({ TAKEOVER_INTERVAL_MS: '200' }));
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

const tick = (volume: number) => ({
  symbol: 'COMI',
  price: 50,
  volume,
  timeMicros: Date.UTC(2026, 0, 5, 9) * 1000 + volume,
});
const stored = async (): Promise<number[]> => {
  const { rows } = await market.db.query<{ volume: string }>(
    `SELECT volume FROM ${market.prefix}_ticks ORDER BY volume`,
  );
  return rows.map((row) => Number(row.volume));
};

test('a feed that restarts its counter at 1 is told 421, and none of its ticks is swallowed', async () => {
  const first = new FeedClient({ url: gateway.url, feed: 'counter' });
  await first.opened();
  for (let seq = 1; seq <= 3; seq++) await first.publishFrame([tick(seq)], seq);
  await first.close();
  const { WebSocket } = await import('ws');
  const { unpack, pack } = await import('msgpackr');
  const socket = new WebSocket(gateway.url.replace('http', 'ws') + '/v1/feed');
  const errors: number[] = [];
  socket.on('message', (data: Buffer) => {
    const [message]: Array<{ T: string; code?: number; msg?: string }> = unpack(data);
    if (message?.msg === 'authenticated') socket.send(pack({ action: 'open', feed: 'counter' }));
    if (message?.T === 'opened')
      socket.send(pack({ action: 'publish', seq: 1, prev: 0, ticks: [['COMI', 1, 99, Date.now() * 1000]] }));
    if (message?.code !== undefined) errors.push(message.code);
  });
  const code = await new Promise<number>((resolve) => socket.once('close', resolve));
  assert.equal(errors, [421]);
  assert.is(code, 4521);
  assert.equal(await stored(), [1, 2, 3]);
});

test('two connections of one feed: the newer wins, no row is lost or doubled', async () => {
  await market.db.query(`TRUNCATE ${market.prefix}_ticks`);
  const older = new FeedClient({ url: gateway.url, feed: 'shared', instance: 'process', attempt: 1 });
  await older.opened();
  for (let i = 1; i <= 50; i++) await older.publishFrame([tick(i)]);
  const newer = new FeedClient({ url: gateway.url, feed: 'shared', instance: 'process', attempt: 2 });
  const { accepted } = await newer.opened();
  await older.close({ wait: false });
  for (let i = accepted + 1; i <= 100; i++) await newer.publishFrame([tick(i)]);
  await newer.close();
  assert.equal(
    await stored(),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
});

test('a second program of the same name takes over; the first, when it comes back, is told so for good', async () => {
  const first = new FeedClient({ url: gateway.url, feed: 'twins', instance: 'first' });
  await first.opened();
  await first.publishFrame([tick(1_001)]);
  await first.drained();
  const second = new FeedClient({ url: gateway.url, feed: 'twins', instance: 'second' });
  await second.opened();
  const frame = await second.publishFrame([tick(1_002)]);
  await frame.committed();
  const refused = await first
    .publishFrame([tick(1_003)])
    .then((published) => published.committed())
    .catch((error: unknown) => error);
  assert.instance(refused, Error);
  assert.match(String(refused), /FeedRefusedError/);
  await first.close({ wait: false });
  await second.close();
  assert.equal(
    (await stored()).filter((volume) => volume > 1_000),
    [1_001, 1_002],
  );
});
