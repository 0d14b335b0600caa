import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { rawLiveClient } from '../fanout/raw-live-client.ts';
import { cacheFolder } from '../../src/stack/debian-root.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';
import { watchWithSdk } from './live-alpaca-program.ts';

const run = promisify(execFile);
const MODULE = 'github.com/alpacahq/alpaca-trade-api-go/v3';
const VERSION = 'v3.9.1';
const SOURCE = fileURLToPath(new URL('live-alpaca/main.go', import.meta.url));
const FETCH_LIMIT_MS = 60_000;

const test = suite('the Alpaca SDK for Go, unchanged, is a client of /v1/live', { timeoutMs: 150_000 });
let market: TestMarket;
let gateway: Gateway;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-alpaca-go-'));
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
  await rm(folder, { recursive: true });
});

/** Builds the program in the folder. @returns why it cannot be built here, where that is so */
async function build(): Promise<string | undefined> {
  // Once per machine: a fresh clone with an empty home folder would build the standard library again.
  const caches = { GOCACHE: join(cacheFolder(), 'go-build'), GOMODCACHE: join(cacheFolder(), 'go-modules') };
  const env = { ...process.env, ...caches, GOTOOLCHAIN: 'local', GOFLAGS: '' };
  const options = { cwd: folder, timeout: FETCH_LIMIT_MS, env };
  await copyFile(SOURCE, join(folder, 'main.go'));
  await writeFile(join(folder, 'go.mod'), 'module watch\n\ngo 1.21\n');
  try {
    await run('go', ['get', `${MODULE}/marketdata/stream@${VERSION}`], options);
  } catch (error) {
    return `Go and its module ${MODULE} are not at hand: ${error instanceof Error ? error.message : String(error)}`;
  }
  await run('go', ['build', '-o', 'watch', '.'], { ...options, timeout: 0 });
  return undefined;
}

test('it names every channel, and gets its trades and bars before and after a change', async (context) => {
  const missing = await build();
  if (missing !== undefined) context.skip(missing);
  await watchWithSdk(gateway, 'alpaca-go', join(folder, 'watch'), []);
});

test('channels of other markets are echoed empty in the answer that they were asked for in', async () => {
  const client = await rawLiveClient(gateway.url, { limitMs: 10_000 });
  const answer = () => client.take('subscription', ({ T }) => T === 'subscription');
  client.send({ action: 'subscribe', trades: ['A'], bars: null, pricing: null, perps: ['BTC'] });
  const { trades, bars, pricing, perps } = await answer();
  assert.equal({ trades, bars, pricing, perps }, { trades: ['A'], bars: [], pricing: [], perps: [] });
  client.send({ action: 'unsubscribe', trades: ['A'] });
  assert.not.ok('pricing' in (await answer()));
  await client.close();
});
