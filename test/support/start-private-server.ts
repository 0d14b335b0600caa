import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { debianWayUnavailable, ensureDebianRoot } from '../../src/stack/debian-root.ts';
import { defaultStackDir } from '../../src/stack/ensure-stack.ts';
import { findFreePort } from '../../src/stack/free-port.ts';
import {
  initPostgres,
  ownFolder,
  POSTGRES_COMMAND,
  POSTGRES_STOP_SIGNAL,
  POSTGRES_USER,
  postgresAnswers,
  writePostgresSettings,
} from '../../src/stack/postgres-server.ts';
import { PrivateServer, type ServerKind, type ServerSettings } from './private-server.ts';
import { REDIS_STOP_SIGNAL, REDIS_USER, redisAnswers, redisCommand } from '../../src/stack/redis-server.ts';
import { lastLines, runCommand } from '../../src/stack/run-command.ts';
import type { RootProgram } from '../../src/stack/server-process.ts';
import { StackError } from '../../src/stack/stack-error.ts';
import { mountTmpfs } from './tmpfs-mount.ts';

export interface PrivateServerOptions {
  /** Kept after the server's end; without it a folder that is removed with the server. Not with `tmpfsMb`. */
  readonly dataDir?: string;
  readonly port?: number;
  /** The data folder of a stopped server of the same kind, copied first. */
  readonly templateFrom?: string;
  /** Puts the data on a file system of this many MiB that exists as long as the handle: for a full disk. */
  readonly tmpfsMb?: number;
}

export interface RedisServerOptions extends PrivateServerOptions {
  /** Settings by their names in redis.conf, above the safe ones (append-only file, no eviction). */
  readonly config?: ServerSettings;
}

export interface PostgresServerOptions extends PrivateServerOptions {
  /** Settings by their names in postgresql.conf, above the durable ones. */
  readonly settings?: ServerSettings;
  /** Of the superuser `postgres`; a template keeps the one it was made with. */
  readonly password?: string;
}

/** Why private servers can't run here; undefined when they can. For `suite(name, { skip: … })`. */
export function privateServersUnavailable(): string | undefined {
  const unavailable = debianWayUnavailable();
  return unavailable === undefined ? undefined : `needs the Debian way: ${unavailable}`;
}

/** A Redis of its own. @throws {StackError} when private servers can't run here, or with the log when it doesn't start. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<PrivateServer> {
  const kind: ServerKind = {
    name: 'redis',
    user: REDIS_USER,
    madeFile: '.',
    stopSignal: REDIS_STOP_SIGNAL,
    prepare: () => Promise.resolve(),
    command: redisCommand,
    answers: (port) => redisAnswers('127.0.0.1', port),
  };
  return startPrivate(kind, options, options.config ?? {}, () => Promise.resolve());
}

/** A PostgreSQL with TimescaleDB of its own, superuser `postgres`. @throws {StackError} like {@link startRedisServer}. */
export async function startPostgresServer(
  options: PostgresServerOptions = {},
): Promise<PrivateServer & { readonly password: string }> {
  const password = options.password ?? 'private';
  const kind: ServerKind = {
    name: 'postgres',
    user: POSTGRES_USER,
    madeFile: 'PG_VERSION',
    stopSignal: POSTGRES_STOP_SIGNAL,
    prepare: writePostgresSettings,
    command: () => POSTGRES_COMMAND,
    answers: (port) => postgresAnswers(port, password),
  };
  const server = await startPrivate(kind, options, options.settings ?? {}, (program) =>
    initPostgres(program, password),
  );
  return Object.assign(server, { password });
}

async function startPrivate(
  kind: ServerKind,
  options: PrivateServerOptions,
  settings: ServerSettings,
  makeData: (program: Omit<RootProgram, 'command' | 'user'>) => Promise<void>,
): Promise<PrivateServer> {
  const unavailable = privateServersUnavailable();
  if (unavailable !== undefined) {
    throw new StackError(`a private ${kind.name} ${unavailable}`, { remedy: 'run as root on Debian or Ubuntu' });
  }
  const root = await ensureDebianRoot((line) => process.stderr.write(`stack: ${line}\n`));
  const own = options.dataDir === undefined ? await makeFolder() : undefined;
  const dataDir = resolve(options.dataDir ?? join(own ?? '', kind.name));
  await mkdir(dataDir, { recursive: true });
  const tmpfs = options.tmpfsMb === undefined ? undefined : await mountTmpfs(dataDir, options.tmpfsMb);
  const visibleDir = tmpfs?.visibleFolder ?? dataDir;
  const dispose = async (): Promise<void> => {
    await tmpfs?.close();
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  };
  const program = {
    root,
    user: kind.user,
    dataDir,
    logFile: `${dataDir}.log`,
    ...(tmpfs === undefined ? {} : { mountsOf: tmpfs.holder }),
  };
  let server: PrivateServer | undefined;
  try {
    if (options.templateFrom !== undefined) await copyData(options.templateFrom, visibleDir);
    await ownFolder(root, visibleDir, kind.user);
    if (!existsSync(join(visibleDir, kind.madeFile))) await makeData(program);
    const port = options.port ?? (await findFreePort());
    server = new PrivateServer(kind, program, { port, dataDir: visibleDir, settings, dispose });
    await server.start();
    return server;
  } catch (error) {
    await (server === undefined ? dispose() : server[Symbol.asyncDispose]());
    throw error;
  }
}

/** Under a name by which a later `stack up` finds what a killed process left. */
async function makeFolder(): Promise<string> {
  const parent = join(defaultStackDir(), 'private');
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, `${process.pid}-`));
}

async function copyData(from: string, to: string): Promise<void> {
  const result = await runCommand('cp', ['--archive', '--reflink=auto', `${from}/.`, to]);
  if (result.code !== 0) {
    throw new StackError(`${from} could not be copied: ${lastLines(result.output, 3)}`, {
      remedy: 'name the data folder of a stopped server of the same kind',
    });
  }
}
