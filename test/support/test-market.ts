import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Client } from 'pg';
import type { Config } from '../../src/config.ts';
import { PROGRAMS_VARIABLE } from '../faults/compiled-programs.ts';
import { openFreshDatabase } from '../store/fresh-database.ts';

/** A deployment of its own for one test file: database, prefix, keys; on the Redis and PostgreSQL of the environment. */
export interface TestMarket {
  readonly prefix: string;
  readonly config: Config;
  /** For programs run as children. */
  readonly environment: Record<string, string>;
  /** An independent session: what is stored is judged from outside. */
  readonly db: Client;
  readonly redis: Redis;
  configWith(changes: Record<string, string>): Config;
  /** One number out of the database. */
  count(sql: string): Promise<number>;
  /** Runs a command to its end. */
  run(...args: readonly string[]): Promise<CommandOutcome>;
  /** Starts a command; it is killed when the market closes. */
  spawn(args: readonly string[], changes?: Record<string, string>): ChildProcess;
  close(): Promise<void>;
}

export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

export async function openTestMarket(): Promise<TestMarket> {
  const database = await openFreshDatabase({ isEmpty: true });
  const prefix = `t${randomBytes(5).toString('hex')}`;
  const own = { TICKS_PREFIX: prefix, GATEWAY_PORT: '0', LOG_LEVEL: 'warn' };
  const config = database.configWith(own);
  const environment = { ...database.environment, ...own };
  const redis = new Redis({ host: config.redisHost, port: config.redisPort, db: config.redisDb });
  const children = new Set<ChildProcess>();

  const spawnCommand = (args: readonly string[], changes: Record<string, string> = {}): ChildProcess => {
    const child = commandIn({ ...environment, ...changes }, args);
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };

  return {
    prefix,
    config,
    environment,
    db: database.client,
    redis,
    configWith: (changes) => database.configWith({ ...own, ...changes }),
    spawn: spawnCommand,
    async count(sql) {
      const { rows } = await database.client.query<{ n: string }>({ text: `SELECT (${sql})::text AS n` });
      return Number(rows[0]?.n);
    },
    run: (...args) => outcomeOf(spawnCommand(args)),
    async close() {
      await Promise.all([...children].map((child) => killed(child)));
      const keys = await redis.keys(`{${prefix}}:*`);
      if (keys.length > 0) await redis.del(...keys);
      redis.disconnect();
      await database.close();
    },
  };
}

/** Starts a command as a process of its own, in this environment: compiled in a whole test run, else from its sources. */
export function commandIn(environment: Record<string, string>, args: readonly string[]): ChildProcess {
  const programs = process.env[PROGRAMS_VARIABLE];
  const cli = programs === undefined ? ['--import', 'tsx', 'src/cli.ts'] : [join(programs, 'src/cli.js')];
  return spawn(process.execPath, [...cli, ...args], {
    cwd: PROJECT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Collects a child's output until it ends. */
export async function outcomeOf(child: ChildProcess): Promise<CommandOutcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, stdout: stdout.trim(), stderr: stderr.trim() };
}

/** SIGKILL, and waits until the process is gone. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** The address that a `serve` child prints. */
export async function gatewayAddress(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const url = /listening on (\S+)/.exec(text)?.[1];
    if (url !== undefined) {
      child.stdout?.resume();
      return url;
    }
  }
  throw new Error(`the gateway did not start: ${text}`);
}

/** Waits until `check` holds. @throws when it does not in time */
export async function until(what: string, check: () => Promise<boolean> | boolean, limitMs = 20_000): Promise<void> {
  const deadlineMs = Date.now() + limitMs;
  while (!(await check())) {
    if (Date.now() > deadlineMs) throw new Error(`not in ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A file of the real data, or undefined where it is not at hand. */
export function realData(name: string): string | undefined {
  const folder = process.env['TICKGATE_DATA_DIR'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
  const path = `${folder}/${name}`;
  return existsSync(path) ? path : undefined;
}
