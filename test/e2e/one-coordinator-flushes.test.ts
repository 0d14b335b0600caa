import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { testFrame } from '../support/test-ticks.ts';
import { suite } from '../support/suite.ts';
import { gatewayAddress, killed, openTestMarket, type TestMarket, until } from '../support/test-market.ts';
import { toTicks } from '../support/to-ticks.ts';

const test = suite('of several coordinators one flushes', { timeoutMs: 60_000 });
let market: TestMarket;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
});
test.after(() => market.close());

/** Last command of each coordinator's reading connection, from Redis itself. */
async function flushConnections(): Promise<string[]> {
  const list = String(await market.redis.call('CLIENT', 'LIST'));
  const own = list.split('\n').filter((line) => line.includes(`name=tickgate-${market.prefix}-flush `));
  return own.map((line) => / cmd=(\S+)/.exec(line)?.[1] ?? '');
}

test('serve and two daemons at once under load: every row once, standbys read nothing, the next one takes over', async () => {
  const before = (await flushConnections()).length;
  const gateway = market.spawn(['serve', '--no-flush']);
  const url = await gatewayAddress(gateway);
  const first = market.spawn(['daemon']);
  await until('the first leads', async () => (await flushConnections()).length === before + 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const second = market.spawn(['daemon']);
  const third = market.spawn(['daemon']);
  await until('all are connected', async () => (await flushConnections()).length === before + 3);

  const client = new FeedClient({ url, feed: 'load' });
  await client.opened();
  const publish = async (frames: number): Promise<void> => {
    for (let i = 0; i < frames; i++) {
      const seq = client.lastSeq + 1;
      await client.publishFrame(toTicks(testFrame({ feed: 'load', seq, count: 50 })));
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await client.drained();
  };
  await publish(1_000);
  const commands = await flushConnections();
  // A standby's connection has told who it is, asked what Redis is, and pings: nothing else.
  const idle = commands.filter((command) => command === 'info' || command === 'ping');
  assert.is(idle.length, 2, `standbys read: ${commands.join(' ')}`);

  await killed(first);
  await publish(500);
  await client.close();
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), 75_000);
  assert.is(
    await market.count(`SELECT count(*) FROM (SELECT DISTINCT symbol, volume FROM ${market.prefix}_ticks) AS each`),
    75_000,
  );
  for (const child of [second, third, gateway]) await killed(child);
});
