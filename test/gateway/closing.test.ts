import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { suite } from '../support/suite.ts';

const test = suite('a gateway that closes');
const NEVER_MS = '3600000';
let market: TestMarket;

test.before(async () => {
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
});
test.after(() => market.close());

test('stops reading, flushes, tells the last acknowledgements, and only then closes its sockets', async () => {
  const gateway = await startGateway(market.configWith({ FLUSH_INTERVAL_MS: NEVER_MS }));
  const leads = (): boolean => gateway.readiness().dependencies['flush']?.detail === 'leading';
  await until('its coordinator leads', leads);
  const events: string[] = [];
  await using feed = new FeedClient({
    url: gateway.url,
    feed: 'closing',
    onCommitted: (seq) => events.push(`committed ${seq}`),
    onState: (state) => events.push(state),
  });
  await feed.opened();
  const { seq, acked } = await feed.publishFrame([
    { symbol: 'COMI', price: 45.5, volume: 100, timeMicros: Date.now() * 1_000 },
  ]);
  await acked();
  assert.not.ok(events.includes(`committed ${seq}`), 'nothing is flushed before the end');

  const closing = gateway.close();
  assert.is(gateway.close(), closing, 'it closes once');
  await closing;
  await until('the feed has lost its connection', () => events.includes('waiting'));
  assert.ok(events.includes(`committed ${seq}`), events.join(', '));
  assert.ok(events.indexOf(`committed ${seq}`) < events.indexOf('waiting'), events.join(', '));
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), 1);
  const refused = await fetch(`${gateway.url}/healthz`).catch((error: unknown) => error);
  assert.instance(refused, Error);
});

test('one that could not listen leaves nothing open', async () => {
  await using first = await startGateway(market.config);
  const taken = { GATEWAY_PORT: String(first.port) };
  const refusal: unknown = await startGateway(market.configWith(taken)).catch((error: unknown) => error);
  assert.match(String(refusal), /cannot listen on 127\.0\.0\.1:\d+/);
  const sessions = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tickgate-%'`;
  await first.close();
  await until('no session of either is left', async () => (await market.count(sessions)) === 0);
});
