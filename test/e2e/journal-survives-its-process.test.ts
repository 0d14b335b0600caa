import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { FileJournal } from '../../clients/feed/feed-journal.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { suite } from '../support/suite.ts';
import { killed, openTestMarket, type TestMarket, until } from '../support/test-market.ts';

const test = suite('a feed with a journal survives its process', { timeoutMs: 60_000 });
let market: TestMarket;
let gateway: Gateway;
const folder = mkdtempSync(join(tmpdir(), 'tickgate-journal-'));

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
  rmSync(folder, { recursive: true });
});

test('killed five times, everything it took responsibility for is stored exactly once', async () => {
  const path = join(folder, 'feed.journal');
  let taken = 0;
  for (let life = 0; life < 5; life++) {
    const script = fileURLToPath(new URL('journal-feed.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, gateway.url, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const before = taken;
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      taken = Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1));
    });
    await until('it has published', () => taken > before + 200);
    await killed(child);
  }
  const journal = new FileJournal({ path });
  const client = new FeedClient({ url: gateway.url, feed: 'journaled', journal });
  await client.opened();
  await client.drained();
  const last = client.lastSeq;
  await client.close();
  assert.ok(last >= taken, `${last} of ${taken}`);
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_ticks`), last * 20);
  assert.is(
    await market.count(`SELECT count(*) FROM (SELECT DISTINCT volume FROM ${market.prefix}_ticks) AS each`),
    last * 20,
  );
  assert.is(await market.count(`SELECT count(*) FROM ${market.prefix}_feed_gaps`), 0);
});
