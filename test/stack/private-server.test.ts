import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { projectRoot } from '../../src/stack/ensure-stack.ts';
import { runStatements } from '../../src/stack/postgres-server.ts';
import { isRunning } from '../../src/stack/process-tree.ts';
import { privateServersUnavailable, startPostgresServer, startRedisServer } from '../support/start-private-server.ts';
import { suite } from '../support/suite.ts';

const test = suite('private servers', { timeoutMs: 60_000, skip: privateServersUnavailable() });

/** One inline command and its first reply, or "silence" after 300 ms. */
function redisCommand(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const done = (reply: string): void => {
      socket.destroy();
      resolve(reply);
    };
    socket.setTimeout(300, () => done('silence'));
    socket.once('error', reject);
    socket.once('close', () => done('closed'));
    socket.once('data', (data) => done(data.toString().trim()));
    socket.write(`${command}\r\n`);
  });
}

test('Redis: kill, restart on the same port and data, settings, stop, dispose', async () => {
  const redis = await startRedisServer({ config: { appendfsync: 'always' } });
  const { port, pid, dataDir } = redis;
  assert.is(await redisCommand(port, 'SET key value'), '+OK');
  await redis.kill();
  assert.not(isRunning(pid));
  assert.throws(() => redis.pid, /not running/);
  await redis.start({ maxmemory: '50mb' });
  assert.is(redis.port, port);
  assert.match(await redisCommand(port, 'GET key'), /value/);
  assert.match(await redisCommand(port, 'CONFIG GET maxmemory'), /52428800/);
  assert.match(await redisCommand(port, 'CONFIG GET appendfsync'), /always/);
  assert.match(await redisCommand(port, 'CONFIG GET maxmemory-policy'), /noeviction/);
  await redis.stop();
  assert.ok(existsSync(join(dataDir, 'appendonlydir')));
  await redis[Symbol.asyncDispose]();
  assert.not(existsSync(dataDir));
});

test('Redis: a stopped process is silent, a continued one answers', async () => {
  await using redis = await startRedisServer();
  redis.signal('SIGSTOP');
  assert.is(await redisCommand(redis.port, 'PING'), 'silence');
  redis.signal('SIGCONT');
  assert.is(await redisCommand(redis.port, 'PING'), '+PONG');
});

test('PostgreSQL: durable settings, kill with all its processes, restart keeps the rows', async () => {
  await using postgres = await startPostgresServer({ settings: { max_connections: '33' } });
  const [connections, fsync, commit, loaded] = await runStatements(postgres, [
    'SHOW max_connections',
    'SHOW fsync',
    'SHOW synchronous_commit',
    `SELECT extversion IS NOT NULL AS ok FROM pg_extension WHERE extname = 'timescaledb'`,
  ]);
  assert.equal(
    [connections, fsync, commit],
    [[{ max_connections: '33' }], [{ fsync: 'on' }], [{ synchronous_commit: 'on' }]],
  );
  assert.equal(loaded, []);
  await runStatements(postgres, ['CREATE EXTENSION timescaledb', 'CREATE TABLE kept AS SELECT 42 AS answer']);
  const { pid } = postgres;
  await postgres.kill();
  assert.not(isRunning(pid));
  await postgres.start();
  assert.equal(await runStatements(postgres, ['SELECT answer FROM kept']), [[{ answer: 42 }]]);
});

test('PostgreSQL: a template is copied, the two are independent', async () => {
  await using first = await startPostgresServer();
  await runStatements(first, ['CREATE TABLE seen (n int)', 'INSERT INTO seen VALUES (1)']);
  await first.stop();
  await using second = await startPostgresServer({ templateFrom: first.dataDir });
  await first.start();
  await runStatements(second, ['INSERT INTO seen VALUES (2)']);
  const count = ['SELECT count(*)::int AS n FROM seen'];
  assert.equal([await runStatements(first, count), await runStatements(second, count)], [[[{ n: 1 }]], [[{ n: 2 }]]]);
});

test('a full disk: Redis refuses or exits, and after room was made it has its data', async () => {
  await using redis = await startRedisServer({ tmpfsMb: 8, config: { appendfsync: 'always' } });
  assert.is(await redisCommand(redis.port, 'SET key value'), '+OK');
  const filler = join(redis.dataDir, 'filler');
  await writeFile(filler, Buffer.alloc(9 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) => {
    assert.is(error.code, 'ENOSPC');
  });
  assert.match(await redisCommand(redis.port, `SET other ${'x'.repeat(10_000)}`), /closed|MISCONF/);
  await redis.kill();
  await writeFile(filler, '');
  await redis.start();
  assert.match(await redisCommand(redis.port, 'GET key'), /value/);
});

test('a full disk: PostgreSQL starts again on its own when room was made', async () => {
  await using postgres = await startPostgresServer({
    tmpfsMb: 200,
    settings: { max_wal_size: '64MB', min_wal_size: '32MB' },
  });
  await runStatements(postgres, ['CREATE TABLE kept AS SELECT 42 AS answer']);
  const filler = join(postgres.dataDir, 'filler');
  await writeFile(filler, Buffer.alloc(90 * 1024 * 1024));
  try {
    await runStatements(postgres, [
      `CREATE TABLE big AS SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 2000000) i GROUP BY i % 20000`,
    ]);
    assert.unreachable('the disk held it');
  } catch (error) {
    assert.match(String(error), /No space left|terminated|recovery/);
  }
  await rm(filler);
  await postgres.restart();
  assert.equal(await runStatements(postgres, ['SELECT answer FROM kept']), [[{ answer: 42 }]]);
});

test('a private server dies with the process that started it', async () => {
  const module = pathToFileURL(join(projectRoot(), 'test/support/start-private-server.ts')).href;
  const source = `const { startRedisServer } = await import('${module}');
    const redis = await startRedisServer();
    process.stdout.write(String(redis.pid));
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    cwd: projectRoot(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  await once(child, 'close');
  const pid = Number(printed);
  assert.ok(pid > 0);
  for (let waited = 0; isRunning(pid) && waited < 2_000; waited += 20) await sleep(20);
  assert.not(isRunning(pid));
});

test('a server that cannot start says why, with its log', async () => {
  try {
    await startPostgresServer({ settings: { shared_buffers: 'plenty' } });
    assert.unreachable('it started');
  } catch (error) {
    assert.match(String(error), /postgres ended while starting[^]*invalid value for parameter "shared_buffers"/);
  }
});

test('its log can be read', async () => {
  await using redis = await startRedisServer();
  assert.match(readFileSync(redis.logFile, 'utf8'), /Ready to accept connections/);
});
