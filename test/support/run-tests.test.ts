import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { runCommand, type CommandResult } from '../../src/stack/run-command.ts';
import { suite } from './suite.ts';
import { findTestFiles } from './test-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const RUNNER = join(root, 'test/support/run-tests.ts');
const test = suite('run-tests', { timeoutMs: 30_000 });

const run = (...args: string[]): Promise<CommandResult> =>
  runCommand(process.execPath, ['--import', 'tsx', RUNNER, '--no-stack', ...args], { cwd: root });
const lastLine = (result: CommandResult): string | undefined => result.output.trimEnd().split('\n').at(-1);

test('the last line counts what passed', async () => {
  const result = await run('test/stack/apt-mirrors.test.ts');
  assert.match(lastLine(result) ?? '', /^[1-9]\d* passed, 0 failed$/);
  assert.is(result.code, 0);
});

test('a pattern that fits nothing, and an unknown option, fail', async () => {
  for (const arg of ['test/nowhere', '--watch']) {
    const result = await run(arg);
    assert.is(result.code, 1);
    assert.is(lastLine(result), '0 passed, 1 failed');
    assert.match(result.output, arg);
  }
});

test('a test file ends when its runner is gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tickgate-run-'));
  const file = join(folder, 'endless.mts');
  const suiteFile = join(root, 'test/support/suite.ts');
  await writeFile(
    file,
    `import { suite } from '${suiteFile}';
     const test = suite('endless', { timeoutMs: 300_000 });
     for (let n = 0; n < 3_000; n += 1) test(String(n), () => new Promise((done) => setTimeout(done, 20)));`,
  );
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, TICKGATE_TEST_REPORT_FD: '3' },
  });
  const reports = child.stdio[3];
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => reports?.once('data', resolve));
  reports?.destroy();
  assert.is(await ended, 1);
  await rm(folder, { recursive: true });
});

test('files are found by name, folder and part, whole-system ones last', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tickgate-files-'));
  for (const file of ['e2e/a.test.ts', 'faults/b.test.ts', 'store/c.test.ts', 'buffer/d.test.ts', 'store/rows.ts']) {
    await mkdir(join(folder, 'test', file, '..'), { recursive: true });
    await writeFile(join(folder, 'test', file), '');
  }
  const all = ['test/buffer/d.test.ts', 'test/store/c.test.ts', 'test/e2e/a.test.ts', 'test/faults/b.test.ts'];
  assert.equal(findTestFiles(folder, []), all);
  assert.equal(findTestFiles(folder, ['test/faults', 'buffer/d']), [all[0], all[3]]);
  assert.equal(findTestFiles(folder, ['test/store/c.test.ts']), [all[1]]);
  assert.throws(() => findTestFiles(folder, ['test/store/rows.ts']), /no test file fits "test\/store\/rows\.ts"/);
  await rm(folder, { recursive: true });
});
