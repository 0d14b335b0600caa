import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { runTestFile, type FileResult } from './run-test-file.ts';
import { suite } from './suite.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const suiteUrl = pathToFileURL(join(root, 'test/support/suite.ts')).href;
const test = suite('suite', { timeoutMs: 30_000 });
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-suite-'));
});
test.after(() => rm(folder, { recursive: true }));

async function runSource(source: string): Promise<FileResult> {
  const file = join(folder, `case-${performance.now()}.mts`);
  await writeFile(
    file,
    `import { suite } from '${suiteUrl}';\nconst test = suite('case', { timeoutMs: 200 });\n${source}`,
  );
  return runTestFile({ file, root, environment: process.env });
}

const failing: ReadonlyArray<readonly [what: string, source: string, message: RegExp]> = [
  ['a thrown Error', `test('x', () => { throw new Error('boom'); });`, /boom/],
  ['a rejected string', `test('x', () => Promise.reject('boom'));`, /threw a string, not an Error: boom/],
  ['a promise that never settles', `test('x', () => new Promise(() => {}));`, /not done after 200 ms/],
  ['a rejection nobody awaits', `test('x', async () => { void Promise.reject(new Error('stray')); });`, /stray/],
  [
    'an exception from a timer',
    `test('x', () => new Promise((r) => { setTimeout(() => { throw new Error('later'); }, 5); setTimeout(r, 100); }));`,
    /later/,
  ],
  ['a before hook that fails', `test.before(() => { throw new Error('no'); }); test('x', () => {});`, /no/],
  [
    'an after hook that fails',
    `test.after(() => { throw new Error('no'); }); test('x', () => {});`,
    /after hook: Error: no/,
  ],
  ['an after each hook that fails', `test.after.each(() => { throw new Error('no'); }); test('x', () => {});`, /no/],
  ['a file without a test', ``, /no test was registered/],
  ['a file that cannot be loaded', `test('x', () => {}); throw new Error('load');`, /Error: load/],
  ['an exit in the middle', `test('x', () => { process.exit(0); });`, /ended early \(exit code \d\) at case › x/],
  ['a leaked handle', `test('x', () => { setInterval(() => {}, 1_000); });`, /still alive .* Timeout/],
];
for (const [what, source, message] of failing) {
  test(`${what} fails the file`, async () => {
    const result = await runSource(source);
    assert.is(result.failed.length, 1, result.output);
    assert.match(`${result.output}\n${result.failed.join('\n')}`, message);
  });
}

test('what passes, is skipped and runs late is counted', async () => {
  const result = await runSource(`
    await new Promise((resolve) => setTimeout(resolve, 20));
    test('sync', () => {});
    test('async', async () => { await Promise.resolve(); });
    test.skip('later', 'not yet');
    test('inside', ({ skip }) => skip('not here'));`);
  assert.equal(result.failed, [], result.output);
  assert.is(result.passed, 2);
  assert.equal(
    result.skipped.map(({ test: name, reason }) => `${name}: ${reason}`),
    ['case › later: not yet', 'case › inside: not here'],
  );
});

test('a skipped suite runs neither tests nor hooks', async () => {
  const result = await runSource(`
    const other = suite('other', { skip: 'not on this machine' });
    other.before(() => { throw new Error('must not run'); });
    other('x', () => { throw new Error('must not run'); });
    test('y', () => {});`);
  assert.equal(result.failed, []);
  assert.equal(result.skipped, [{ test: 'other › x', reason: 'not on this machine' }]);
});

test('the signal of a test is aborted when its time is up', async () => {
  const result = await runSource(`
    test('x', ({ signal }) => new Promise(() => {
      signal.addEventListener('abort', () => process.stdout.write('aborted'));
    }));`);
  assert.match(result.output, /aborted/);
});
