import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { rootUser } from './debian-root.ts';
import { runCommand } from './run-command.ts';
import { runProgram, type RootProgram } from './server-process.ts';

const BIN = '/usr/lib/postgresql/17/bin';
const MIB = 1024 * 1024;

/** The user of the Debian package, and the database superuser. */
export const POSTGRES_USER = 'postgres';
/** Fast shutdown: sessions are ended, the data is written out. */
export const POSTGRES_STOP_SIGNAL = 'SIGINT';
export const POSTGRES_COMMAND: readonly string[] = [`${BIN}/postgres`, '-D', '/srv'];

const DURABLE_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_preload_libraries: 'timescaledb',
  'timescaledb.telemetry_level': 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  max_connections: '200',
  max_worker_processes: '32',
  max_locks_per_transaction: '256',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Settings of the main stack beyond those of a private instance: memory and write-ahead log for real loads. */
export function mainPostgresSettings(): Record<string, string> {
  const sharedMib = Math.min(1_024, Math.floor(totalmem() / MIB / 4));
  return { shared_buffers: `${sharedMib}MB`, max_wal_size: '4GB', effective_cache_size: `${sharedMib * 3}MB` };
}

/** Makes an empty cluster in `program.dataDir`, with the given superuser password. About a second. */
export async function initPostgres(program: Omit<RootProgram, 'command' | 'user'>, password: string): Promise<void> {
  await runProgram({
    ...program,
    user: POSTGRES_USER,
    secret: password,
    command: [
      `${BIN}/initdb`,
      `--username=${POSTGRES_USER}`,
      ...'--pgdata=/srv --pwfile=/tmp/secret --no-sync --encoding=UTF8 --locale=C.UTF-8'.split(' '),
      ...'--auth-local=reject --auth-host=scram-sha-256'.split(' '),
    ],
  });
}

/**
 * Writes the settings where ALTER SYSTEM can still override them.
 * @param visibleDataDir the data folder as this process sees it
 */
export async function writePostgresSettings(
  visibleDataDir: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries({ ...DURABLE_SETTINGS, ...settings, port: String(port) }).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  const folder = join(visibleDataDir, 'conf.d');
  if (!(await readdir(visibleDataDir)).includes('conf.d')) {
    await mkdir(folder, { mode: 0o755 });
    await appendFile(join(visibleDataDir, 'postgresql.conf'), "include_dir = 'conf.d'\n");
  }
  const file = join(folder, 'stack.conf');
  // A full disk must not keep an unchanged server from starting.
  if (existsSync(file) && (await readFile(file, 'utf8')) === lines.join('')) return;
  await writeFile(file, lines.join(''));
  await chmod(file, 0o644);
}

/** Makes the folder the server's own; PostgreSQL refuses one that others may read. */
export async function ownFolder(root: string, folder: string, user: string): Promise<void> {
  const { uid, gid } = rootUser(root, user);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  if ((await stat(folder)).uid !== uid) await runCommand('chown', ['-R', `${uid}:${gid}`, folder]);
}

/** Runs statements one after another on a connection of its own. @throws {Error} of pg. */
export async function runStatements(
  connection: { readonly port: number; readonly password: string; readonly database?: string },
  statements: readonly string[],
): Promise<ReadonlyArray<readonly unknown[]>> {
  const client = new Client({
    host: '127.0.0.1',
    port: connection.port,
    user: POSTGRES_USER,
    password: connection.password,
    database: connection.database ?? 'postgres',
    connectionTimeoutMillis: 5_000,
  });
  // A server that dies while we talk to it: the pending call rejects, which is enough.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const rows: Array<readonly unknown[]> = [];
    for (const statement of statements) rows.push((await client.query(statement)).rows);
    return rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether the server accepts our password and answers a query. */
export async function postgresAnswers(port: number, password: string): Promise<boolean> {
  try {
    await runStatements({ port, password }, ['SELECT 1']);
    return true;
  } catch {
    return false;
  }
}

/** Creates the database unless it is there. */
export async function ensureDatabase(port: number, password: string, database: string): Promise<void> {
  const quoted = `"${database.replaceAll('"', '""')}"`;
  const literal = `'${database.replaceAll("'", "''")}'`;
  const [found] = await runStatements({ port, password }, [`SELECT 1 FROM pg_database WHERE datname = ${literal}`]);
  if (found?.length === 0) await runStatements({ port, password }, [`CREATE DATABASE ${quoted}`]);
}
