import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findPython } from '../clients/python/find-python.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { setLogLevel } from '../../src/logger.ts';
import { suite } from '../support/suite.ts';
import { killed, openTestMarket, outcomeOf, type TestMarket } from '../support/test-market.ts';
import { codeBlocks, type CodeBlock } from './markdown.ts';
import { PROJECT, projectFile } from './project-files.ts';

const test = suite('programs and queries of README.md', { timeoutMs: 60_000 });
const blocks = codeBlocks(projectFile('README.md'));
const SHOWN_ADDRESS = '127.0.0.1:8080';
const CLIENT = pathToFileURL(join(PROJECT, 'clients/index.ts')).href;
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  setLogLevel('silent');
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

/** The one block that holds `mark`, for the gateway of this test. */
function program(language: string, mark: string): string {
  const found = blocks.filter((block: CodeBlock) => block.language === language && block.text.includes(mark));
  assert.is(found.length, 1, `${found.length} ${language} blocks with ${mark}`);
  const text = found[0]?.text ?? '';
  return text.replaceAll(SHOWN_ADDRESS, new URL(gateway.url).host).replaceAll(`'tickgate/client'`, `'${CLIENT}'`);
}

function node(code: string) {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  return spawn(process.execPath, args, { cwd: PROJECT, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function stored(feed: string): Promise<number> {
  return market.count(`SELECT coalesce(max(seq), 0) FROM ${market.prefix}_feed_watermarks WHERE feed = '${feed}'`);
}

test('the feed client publishes one tick', async () => {
  const outcome = await outcomeOf(node(program('ts', 'new FeedClient(')));
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(await stored('egx-main'), 1);
});

test('the raw protocol publishes one tick, in fifteen lines', async () => {
  const code = program('js', `'tickgate.v1.json'`);
  assert.ok(code.trim().split('\n').length <= 15);
  const outcome = await outcomeOf(node(code));
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(await stored('egx-raw'), 1);
});

test('the Python adapter publishes two ticks', async (context) => {
  const found = await findPython();
  if ('missing' in found) return context.skip(found.missing);
  const { python } = found;
  const environment = { ...process.env, PYTHONPATH: join(PROJECT, 'clients/python') };
  const child = spawn(python, ['-c', program('python', 'flush_to_db')], { cwd: PROJECT, env: environment });
  const outcome = await outcomeOf(child);
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(outcome.stdout, '2');
});

for (const [name, mark] of [
  ['the Alpaca SDK', 'StockDataStream'],
  ['the live client', 'nodeLiveClient'],
] as const) {
  test(`${name} shows a tick`, async ({ signal }) => {
    const watcher = node(program('js', mark));
    let shown = '';
    let errors = '';
    watcher.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    watcher.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    try {
      while (!shown.includes('COMI 99.5 7')) {
        signal.throwIfAborted();
        assert.is(watcher.exitCode, null, errors);
        await market.run('buffer-tick', 'COMI', '99.5', '7');
      }
    } finally {
      await killed(watcher);
    }
  });
}

test('every address of the API answers', async () => {
  const shell = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
  const paths = shell.flatMap((text) => [...text.matchAll(/"\$api(\/[^"]+)"/g)].map(([, path = '']) => path));
  assert.ok(paths.length >= 4);
  for (const path of paths) {
    const answer = await fetch(`${gateway.url}/api${path}`);
    assert.is(answer.status, 200, path);
  }
});

test('every query answers', async () => {
  const queries = blocks.filter(({ language }) => language === 'sql').flatMap(({ text }) => text.split(';\n'));
  assert.ok(queries.length >= 3);
  for (const query of queries) {
    const { rows } = await market.db.query(query.replaceAll('egx_', `${market.prefix}_`));
    if (query.includes('egx_last')) assert.ok(rows.length > 0);
  }
});
