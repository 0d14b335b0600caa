import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { suite } from '../support/suite.ts';
import { openTestMarket, outcomeOf, type TestMarket } from '../support/test-market.ts';

const test = suite('demo', { timeoutMs: 120_000 });
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
let market: TestMarket;

test.before(async () => {
  market = await openTestMarket();
});
test.after(() => market.close());

function stored(): Promise<number> {
  return market.count(`SELECT count(*) FROM ${market.prefix}_ticks`);
}

test('npm run demo: sets everything up, commits what it publishes, ends cleanly', async () => {
  const child = spawn('npm', ['run', '--silent', 'demo', '--', '--seconds', '3'], {
    cwd: PROJECT,
    env: { ...process.env, ...market.environment, GATEWAY_PORT: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { code, stdout, stderr } = await outcomeOf(child);
  assert.is(code, 0, stderr);
  const lines = stdout.split('\n').filter((line) => !line.startsWith('stack: '));
  const line = /^published \d+, acknowledged \d+, committed \d+, buffer \d+, last flush .+, http:\/\/127\.0\.0\.1:\d+$/;
  assert.ok(lines.length >= 3 && lines.slice(0, -1).every((each) => line.test(each)), stdout);
  const [, published, committed] =
    /^ended cleanly: (\d+) ticks published = (\d+) committed; /.exec(lines.at(-1) ?? '') ?? [];
  assert.ok(Number(published) > 1_000, stdout);
  assert.is(published, committed);
  assert.is(await stored(), Number(committed));
});

test('Ctrl-C ends it cleanly; a second run goes on with the same tables', async () => {
  const before = await stored();
  const child = market.spawn(['demo', '--json']);
  const ended = outcomeOf(child);
  let shown = '';
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      if (/committed [1-9]/.test(shown)) resolve();
    });
  });
  child.kill('SIGINT');
  const { code, stdout } = await ended;
  assert.is(code, 0, shown);
  const shape = z.object({ published: z.number().positive(), committed: z.number(), buffered: z.literal(0) });
  const { published, committed } = shape.parse(JSON.parse(stdout));
  assert.is(published, committed);
  assert.is(await stored(), before + committed);
});

test('wrong values are refused with one line', async () => {
  const { code, stdout, stderr } = await market.run('demo', '--seconds', 'long');
  assert.is(code, 2);
  assert.is(stdout, '');
  assert.match(stderr, /^tickgate: .*seconds above 0, at most 604800, are expected.*$/);
});
