import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { cacheFolder } from '../../src/stack/debian-root.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';
import { watchWithSdk } from './live-alpaca-program.ts';

const run = promisify(execFile);
const PACKAGE = 'alpaca-py==0.44.0';
const SOURCE = fileURLToPath(new URL('live-alpaca/watch.py', import.meta.url));
const INSTALL_LIMIT_MS = 120_000;

const test = suite('alpaca-py, unchanged, is a client of /v1/live', { timeoutMs: 180_000 });
let market: TestMarket;
let gateway: Gateway;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-alpaca-py-'));
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
  await rm(folder, { recursive: true });
});

/** Installs the SDK into the folder. @returns why it cannot be had here, where that is so */
async function install(): Promise<string | undefined> {
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-compile', '--target', folder];
  try {
    const env = { ...process.env, PIP_CACHE_DIR: join(cacheFolder(), 'pip') };
    await run('python3', [...pip, PACKAGE], { timeout: INSTALL_LIMIT_MS, env });
    return undefined;
  } catch (error) {
    return `pip cannot install ${PACKAGE}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

test('it gets its trades and bars before and after a change', async (context) => {
  const missing = await install();
  if (missing !== undefined) context.skip(missing);
  const environment = { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  await watchWithSdk(gateway, 'alpaca-py', 'python3', [SOURCE], environment);
});
