import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { testFrame } from '../support/test-ticks.ts';
import { bufferKeys } from '../../src/buffer/keys.ts';
import { suite } from '../support/suite.ts';
import { gatewayAddress, killed, openTestMarket, type TestMarket } from '../support/test-market.ts';
import { toTicks } from '../support/to-ticks.ts';

const test = suite('a steady feed is flushed by the interval');
const INTERVAL_MS = 200;
const FRAME_MS = 5;
const FRAMES = 700;
/** The divergence check reads to the stream's end twice a second; a busy machine may be late with any flush, not early. */
const DIVERGENCE_CHECK_MS = 500;
let market: TestMarket;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
});
test.after(() => market.close());

test('no more flushes than the interval and the divergence check ask for, however steadily ticks come; all is committed', async () => {
  const gateway = market.spawn(['serve'], { FLUSH_INTERVAL_MS: String(INTERVAL_MS) });
  const url = await gatewayAddress(gateway);
  const listener = market.redis.duplicate();
  let notices = 0;
  listener.on('messageBuffer', () => (notices += 1));
  await listener.subscribe(bufferKeys(market.prefix, market.config.redisDb).flushedChannel);

  const client = new FeedClient({ url, feed: 'steady' });
  await client.opened();
  await client.publishFrame(toTicks(testFrame({ feed: 'steady', seq: 1, count: 1 })));
  await client.drained();
  notices = 0;
  const startMs = Date.now();
  // By the clock: where the machine holds one frame up the next come at once.
  for (let seq = 2; seq <= FRAMES; seq++) {
    await client.publishFrame(toTicks(testFrame({ feed: 'steady', seq, count: 1 })));
    const waitMs = startMs + seq * FRAME_MS - Date.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  await client.drained();
  const elapsedMs = Date.now() - startMs;
  const most = elapsedMs / INTERVAL_MS + elapsedMs / DIVERGENCE_CHECK_MS + 2;
  assert.ok(notices <= most, `${notices} flushes in ${elapsedMs} ms, at most ${most.toFixed(1)} are due`);
  assert.ok(notices >= 3, `${notices} flushes`);
  await client.close();
  listener.disconnect();
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), FRAMES);
  await killed(gateway);
});
