import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { findPython } from '../clients/python/find-python.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { setLogLevel } from '../../src/logger.ts';
import { suite } from '../support/suite.ts';
import { killed, openTestMarket, outcomeOf, type TestMarket } from '../support/test-market.ts';
import { codeBlocks } from './markdown.ts';
import { documents, PROJECT, projectFile } from './project-files.ts';

const test = suite('programs and queries of the documents', { timeoutMs: 60_000 });
/** Languages of code blocks: the first ones are programs, each run by a test; `text` and none are shown, not run. */
const PROGRAMS = ['ts', 'js', 'python'];
const LANGUAGES = [...PROGRAMS, 'sh', 'sql', 'json', 'ini', 'text', ''];
const BLOCKS = documents().flatMap((document) =>
  codeBlocks(projectFile(document)).map((block) => ({ ...block, document })),
);
const SHOWN_ADDRESS = '127.0.0.1:8080';
const SHOWN_JOURNAL = 'egx-main.journal';
const CLIENT = pathToFileURL(join(PROJECT, 'clients/index.ts')).href;
const run = new Set<(typeof BLOCKS)[number]>();
let market: TestMarket;
let gateway: Gateway;
let folder = '';

test.before(async () => {
  setLogLevel('silent');
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
  folder = await mkdtemp(join(tmpdir(), 'tickgate-snippets-'));
});
test.after(async () => {
  await gateway.close();
  await market.close();
  await rm(folder, { recursive: true });
});

/** The one block of a document that holds `mark`, for the gateway of this test. */
function program(document: string, language: string, mark: string): string {
  const found = BLOCKS.filter(
    (block) => block.document === document && block.language === language && block.text.includes(mark),
  );
  assert.is(found.length, 1, `${document}: ${found.length} ${language} blocks with ${mark}`);
  const [block] = found;
  if (block === undefined) return '';
  run.add(block);
  return block.text
    .replaceAll(SHOWN_ADDRESS, new URL(gateway.url).host)
    .replaceAll(SHOWN_JOURNAL, join(folder, SHOWN_JOURNAL))
    .replaceAll(`'tickgate/client'`, `'${CLIENT}'`);
}

function node(code: string) {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  return spawn(process.execPath, args, { cwd: PROJECT, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function stored(feed: string): Promise<number> {
  return market.count(`SELECT coalesce(max(seq), 0) FROM ${market.prefix}_feed_watermarks WHERE feed = '${feed}'`);
}

for (const [name, document, language, mark, feed] of [
  ['the feed client', 'README.md', 'ts', 'new FeedClient(', 'egx-main'],
  ['the feed client with a journal', 'clients/README.md', 'ts', 'new FileJournal(', 'egx-journal'],
  ['the raw protocol', 'clients/README.md', 'js', `'tickgate.v1.json'`, 'egx-raw'],
] as const) {
  test(`${name} publishes one tick`, async () => {
    const code = program(document, language, mark);
    assert.ok(code.trim().split('\n').length <= 15, 'a program to read at a glance');
    const outcome = await outcomeOf(node(code));
    assert.is(outcome.code, 0, outcome.stderr);
    assert.is(await stored(feed), 1);
  });
}

test('the Python adapter publishes two ticks', async (context) => {
  const code = program('README.md', 'python', 'flush_to_db');
  const found = await findPython();
  if ('missing' in found) return context.skip(found.missing);
  const { python } = found;
  const environment = { ...process.env, PYTHONPATH: join(PROJECT, 'clients/python') };
  const child = spawn(python, ['-c', code], { cwd: PROJECT, env: environment });
  const outcome = await outcomeOf(child);
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(outcome.stdout, '2');
});

test('the Python program for Kafka, which is not here, is valid and calls what there is', async (context) => {
  const code = program('clients/README.md', 'python', 'KafkaConsumer');
  const found = await findPython();
  if ('missing' in found) return context.skip(found.missing);
  const { python } = found;
  // Kafka's modules stand for themselves: one partition with one message, after which the consumer ends.
  const kafka = `
import sys, types
class Partition: offset, value = 0, {"symbol": "COMI", "price": 45.5, "volume": 7}
class Consumer:
    def __init__(self, **options): pass
    def assign(self, partitions): pass
    def seek(self, partition, offset): assert offset == 0
    def __iter__(self): return iter([Partition])
sys.modules["kafka"] = types.SimpleNamespace(KafkaConsumer=Consumer, TopicPartition=lambda topic, number: (topic, number))
`;
  const environment = {
    ...process.env,
    PYTHONPATH: join(PROJECT, 'clients/python'),
    GATEWAY_HOST: new URL(gateway.url).hostname,
    GATEWAY_PORT: new URL(gateway.url).port,
  };
  const outcome = await outcomeOf(spawn(python, ['-c', kafka + code], { cwd: PROJECT, env: environment }));
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(await stored('egx-kafka-0'), 1);
});

for (const [name, document, mark] of [
  ['the Alpaca SDK', 'clients/README.md', 'StockDataStream'],
  ['the live client', 'README.md', 'nodeLiveClient'],
  ['the live client with bars and gaps', 'clients/README.md', 'nodeLiveClient'],
] as const) {
  test(`${name} shows a tick`, async ({ signal }) => {
    const watcher = node(program(document, 'js', mark));
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

test('no program of a document is left out, and every language is one that is looked at', () => {
  for (const block of BLOCKS) {
    const where = `${block.document}: ${block.language}: ${block.text.slice(0, 80)}`;
    assert.ok(LANGUAGES.includes(block.language), where);
    assert.ok(!PROGRAMS.includes(block.language) || run.has(block), where);
  }
  assert.ok(run.size >= 8);
});

test('every address of the API answers', async () => {
  const shell = BLOCKS.filter(({ language }) => language === 'sh').map(({ text }) => text);
  const paths = shell.flatMap((text) => [...text.matchAll(/"\$api(\/[^"]+)"/g)].map(([, path = '']) => path));
  assert.ok(paths.length >= 4);
  for (const path of paths) {
    const answer = await fetch(`${gateway.url}/api${path}`);
    assert.is(answer.status, 200, path);
  }
});

test('every query answers', async () => {
  const queries = BLOCKS.filter(({ language }) => language === 'sql').flatMap(({ text }) => text.split(';\n'));
  assert.ok(queries.length >= 3);
  for (const query of queries) {
    const { rows } = await market.db.query(query.replaceAll('egx_', `${market.prefix}_`));
    if (query.includes('egx_last')) assert.ok(rows.length > 0);
  }
});

test('every shell program can be parsed, and every JSON text too', () => {
  for (const { document, language, text } of BLOCKS) {
    if (language === 'json') JSON.parse(text);
    if (language !== 'sh') continue;
    const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
    assert.is(status, 0, `${document}: ${stderr}\n${text}`);
  }
});
