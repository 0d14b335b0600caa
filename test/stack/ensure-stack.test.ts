import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import * as assert from 'uvu/assert';
import { dockerAnswers } from '../../src/stack/docker-stack.ts';
import { ensureStack, findStack, stackEnvironment, stopStack } from '../../src/stack/ensure-stack.ts';
import { runStatements } from '../../src/stack/postgres-server.ts';
import { isRunning, killTree } from '../../src/stack/process-tree.ts';
import { runCommand } from '../../src/stack/run-command.ts';
import { readPidFile } from '../../src/stack/server-process.ts';
import { privateServersUnavailable } from '../support/start-private-server.ts';
import type { StackAddresses } from '../../src/stack/stack-addresses.ts';
import { suite } from '../support/suite.ts';

const COMMAND = fileURLToPath(new URL('run-stack-command.ts', import.meta.url));
const unavailable =
  privateServersUnavailable() ?? ((await dockerAnswers()) ? 'a Docker engine answers and would be used' : undefined);
const test = suite('stack', { timeoutMs: 90_000, skip: unavailable });

let stackDir = '';
const progress: string[] = [];
const options = (): { stackDir: string; env: Record<string, string>; onProgress: (line: string) => void } => ({
  stackDir,
  env: {},
  onProgress: (line) => void progress.push(line),
});
const pids = (): ReadonlyArray<number | undefined> =>
  ['redis', 'postgres'].map((name) => readPidFile(join(stackDir, `${name}.pid`)));

test.before.each(async () => {
  progress.length = 0;
  stackDir = await mkdtemp(join(tmpdir(), 'tickgate-stack-'));
});
test.after.each(async () => {
  await stopStack(options());
  await rm(stackDir, { recursive: true, force: true });
});

async function withRedis<T>(addresses: StackAddresses, body: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ host: addresses.redisHost, port: addresses.redisPort, retryStrategy: null });
  try {
    return await body(redis);
  } finally {
    redis.disconnect();
  }
}

const query = (addresses: StackAddresses, ...statements: string[]): ReturnType<typeof runStatements> =>
  runStatements(
    { port: addresses.postgresPort, password: addresses.postgresPassword, database: addresses.postgresDb },
    statements,
  );

test('up, up again, status, down, down again, up with its data, fresh without', async () => {
  assert.is(await findStack(options()), undefined);
  const first = await ensureStack(options());
  assert.is(first.way, 'debian');
  const running = pids();
  assert.equal(await ensureStack(options()), first);
  assert.equal(pids(), running);
  assert.equal(await findStack(options()), first);

  await withRedis(first, (redis) => redis.set('kept', 'yes'));
  await query(first, 'CREATE EXTENSION timescaledb', 'CREATE TABLE kept AS SELECT 42 AS answer');
  assert.is(await stopStack(options()), 2);
  assert.is(await findStack(options()), undefined);
  assert.is(await stopStack(options()), 0);
  for (const pid of running) assert.not(isRunning(pid ?? 0));

  const second = await ensureStack(options());
  assert.equal(second, first);
  assert.is(await withRedis(second, (redis) => redis.get('kept')), 'yes');
  assert.equal(await query(second, 'SELECT answer FROM kept'), [[{ answer: 42 }]]);

  const fresh = await ensureStack({ ...options(), fresh: true });
  assert.equal(fresh, first);
  assert.is(await withRedis(fresh, (redis) => redis.get('kept')), null);
  assert.equal(await query(fresh, `SELECT to_regclass('kept') AS kept`), [[{ kept: null }]]);
});

test('promises what the contract needs: append-only file, no eviction, fsync, both on loopback only', async () => {
  const addresses = await ensureStack(options());
  await withRedis(addresses, async (redis) => {
    for (const [name, value] of [
      ['appendonly', 'yes'],
      ['appendfsync', 'everysec'],
      ['maxmemory-policy', 'noeviction'],
      ['bind', '127.0.0.1'],
    ] as const) {
      assert.equal(await redis.config('GET', name), [name, value]);
    }
  });
  const shown = await query(addresses, 'SHOW fsync', 'SHOW synchronous_commit', 'SHOW listen_addresses');
  assert.equal(shown, [[{ fsync: 'on' }], [{ synchronous_commit: 'on' }], [{ listen_addresses: '127.0.0.1' }]]);
  const user = await runCommand('ps', ['-o', 'uid=', '-p', pids().map(String).join(',')]);
  assert.not.match(user.stdout, /^\s*0$/m);
});

test('two ups at once start one stack', async () => {
  const ups = await Promise.all(
    ['up', 'up'].map((command) => runCommand(process.execPath, ['--import', 'tsx', COMMAND, command, stackDir])),
  );
  assert.equal(
    ups.map((up) => up.code),
    [0, 0],
    ups.map((up) => up.output).join('\n'),
  );
  assert.is(ups[0]?.stdout, ups[1]?.stdout);
  const starts = ups.flatMap((up) => up.output.split('\n')).filter((line) => line.startsWith('starting'));
  assert.is(starts.length, 2);
});

test('an up killed half-way does not stand in the way of the next', async () => {
  for (const delayMs of [250, 500, 900]) {
    const up = spawn(process.execPath, ['--import', 'tsx', COMMAND, 'fresh', stackDir], { stdio: 'ignore' });
    await sleep(delayMs);
    up.kill('SIGKILL');
  }
  const addresses = await ensureStack(options());
  assert.equal(await query(addresses, 'SELECT 1 AS one'), [[{ one: 1 }]]);
});

test('killed servers are started again, with their data', async () => {
  const addresses = await ensureStack(options());
  await withRedis(addresses, (redis) => redis.set('kept', 'yes'));
  await query(addresses, 'CREATE TABLE kept AS SELECT 42 AS answer');
  // Within this time the append-only file is written to the disk.
  await sleep(1_100);
  const before = pids();
  await Promise.all(before.map((pid) => killTree(pid ?? 0)));
  assert.is(await findStack(options()), undefined);
  assert.equal(await ensureStack(options()), addresses);
  assert.is(await withRedis(addresses, (redis) => redis.get('kept')), 'yes');
  assert.equal(await query(addresses, 'SELECT answer FROM kept'), [[{ answer: 42 }]]);
});

test('down leaves a process alone that only has the number of a server that ended', async () => {
  const stranger = spawn('sleep', ['60']);
  await writeFile(join(stackDir, 'redis.pid'), `${stranger.pid} 1\n`);
  assert.is(await stopStack(options()), 0);
  assert.ok(isRunning(stranger.pid ?? 0));
  stranger.kill();
});

test('down ends only its own: another stack goes on', async () => {
  const other = await mkdtemp(join(tmpdir(), 'tickgate-other-'));
  try {
    const [mine, theirs] = await Promise.all([ensureStack(options()), ensureStack({ ...options(), stackDir: other })]);
    assert.is.not(mine.redisPort, theirs.redisPort);
    assert.is(await stopStack(options()), 2);
    assert.equal(await findStack({ ...options(), stackDir: other }), theirs);
  } finally {
    await stopStack({ ...options(), stackDir: other });
    await rm(other, { recursive: true });
  }
});

test('a port that somebody took meanwhile is changed', async () => {
  const first = await ensureStack(options());
  await stopStack(options());
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(first.redisPort, '127.0.0.1', resolve));
  try {
    const second = await ensureStack(options());
    assert.is.not(second.redisPort, first.redisPort);
    assert.is(second.postgresPort, first.postgresPort);
  } finally {
    squatter.close();
  }
});

test('given addresses are used when both can be reached, and their password never printed', async () => {
  const given = await ensureStack(options());
  const env = stackEnvironment(given);
  const used = await ensureStack({ stackDir: join(stackDir, 'unused'), env });
  assert.equal(used, { ...given, way: 'environment' });
  assert.not(existsSync(join(stackDir, 'unused')));
  assert.equal(stackEnvironment(used), {});

  const urls = {
    REDIS_URL: `redis://127.0.0.1:${given.redisPort}`,
    POSTGRES_URL: `postgres://postgres:${given.postgresPassword}@127.0.0.1:${given.postgresPort}/egx_market`,
  };
  assert.equal(await ensureStack({ ...options(), env: urls }), { ...given, way: 'environment' });

  for (const [what, changed, message] of [
    [
      'one of two',
      { REDIS_HOST: '127.0.0.1', REDIS_PORT: env['REDIS_PORT'] },
      /REDIS_HOST is set without POSTGRES_HOST/,
    ],
    ['nobody listens', { ...env, POSTGRES_PORT: '1' }, /127\.0\.0\.1:1, given by the environment, cannot be reached/],
  ] as const) {
    progress.length = 0;
    const found = await ensureStack({ ...options(), env: changed });
    assert.is(found.way, 'debian', what);
    assert.match(progress.join('\n'), message);
  }
  assert.not.match(readFileSync(join(stackDir, 'postgres.log'), 'utf8'), new RegExp(given.postgresPassword));
});
