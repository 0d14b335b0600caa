import { execFile } from 'node:child_process';
import * as assert from 'uvu/assert';
import { loadConfig, loadLogLevel } from '../../src/config.ts';
import { UsageError } from '../../src/errors.ts';
import { rootLogger, setLogLevel, storeLogger } from '../../src/logger.ts';
import { suite } from '../support/suite.ts';

const test = suite('LOG_LEVEL');
const MESSAGE =
  /^tickgate: LOG_LEVEL: "verbose" is not one of fatal, error, warn, info, debug, trace, silent\. Remedy: set LOG_LEVEL/;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function node(args: readonly string[], logLevel: string): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, LOG_LEVEL: logLevel };
    const child = execFile(process.execPath, ['--import', 'tsx', ...args], { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

for (const words of [['serve'], ['--daemon'], ['token', '--name', 'x', '--role', 'live'], ['stack', 'env']]) {
  test(`a wrong one ends \`${words.join(' ')}\` with status 2, the variable and the choices`, async () => {
    const { code, stdout, stderr } = await node(['src/cli.ts', ...words], 'verbose');
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, MESSAGE);
    assert.is(stderr.trim().split('\n').length, 1, 'no stack trace, no log line');
  });
}

test('a wrong one does not keep the help from being read', async () => {
  const { code, stdout } = await node(['src/cli.ts', '--help'], 'verbose');
  assert.is(code, 0);
  assert.match(stdout, /LOG_LEVEL/);
});

test('the library can be imported with a wrong one: only reading the settings says so', async () => {
  const program = `
    const { loadConfig, UsageError } = await import('./src/index.ts');
    try { loadConfig(process.env); } catch (error) { console.log(error instanceof UsageError, error.exitCode, error.message); }`;
  const { code, stdout, stderr } = await node(['--input-type=module', '--eval', program], 'verbose');
  assert.is(code, 0, stderr);
  assert.match(stdout, /^true 2 LOG_LEVEL: "verbose" is not one of fatal, /);
});

test('one that is empty counts as not set, each of the choices is taken', () => {
  assert.is(loadLogLevel({ LOG_LEVEL: '' }), 'info');
  assert.is(loadConfig({}).logLevel, 'info');
  for (const level of ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    assert.is(loadLogLevel({ LOG_LEVEL: level }), level);
  assert.throws(
    () => loadLogLevel({ LOG_LEVEL: 'INFO' }),
    (error: unknown) => error instanceof UsageError,
  );
});

test('the level that is set is that of every stage', () => {
  const before = loadLogLevel({ LOG_LEVEL: rootLogger.level });
  setLogLevel('error');
  assert.equal([rootLogger.level, storeLogger.level], ['error', 'error']);
  setLogLevel(before);
});
