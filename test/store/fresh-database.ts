import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { loadConfig, type Config } from '../../src/config.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';

const LEFTOVER_AFTER_MS = 3_600_000;
const NAME = /^tickgate_test_(\d+)_[0-9a-f]+$/;

/** A database of its own for one test file, on the PostgreSQL of the environment. */
export interface FreshDatabase {
  /** Settings of the environment, but with this database. */
  readonly config: Config;
  /** A session as the user of the environment. */
  readonly client: Client;
  /** The variables of `config`, for a command run as a program. */
  readonly environment: Record<string, string>;
  /** Settings as above with some variables different. */
  configWith(changes: Record<string, string>): Config;
  close(): Promise<void>;
}

/** Creates a database, with Tickgate's schema unless `isEmpty`; `close` drops it. */
export async function openFreshDatabase(options: { readonly isEmpty?: boolean } = {}): Promise<FreshDatabase> {
  const name = `tickgate_test_${Date.now()}_${randomBytes(4).toString('hex')}`;
  await asAdmin(async (admin) => {
    await dropLeftovers(admin);
    await admin.query(`CREATE DATABASE ${name}`);
  });
  const environment = environmentFor(name);
  const configWith = (changes: Record<string, string>): Config =>
    loadConfig({ ...process.env, ...environment, ...changes });
  const config = configWith({});
  const client = await connectPostgres(config);
  if (options.isEmpty !== true) await setupDatabase(client, config);
  return {
    config,
    client,
    environment,
    configWith,
    close: async () => {
      await client.end();
      await asAdmin((admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** Runs `work` in a session of the maintenance database. */
export async function asAdmin(work: (admin: Client) => Promise<unknown>): Promise<void> {
  const admin = await connectPostgres(loadConfig({ ...process.env, ...environmentFor('postgres') }));
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function environmentFor(database: string): Record<string, string> {
  const url = process.env['POSTGRES_URL'];
  if (url === undefined || url === '') return { POSTGRES_DB: database };
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return { POSTGRES_URL: changed.href };
}

/** Databases of runs that were killed. */
async function dropLeftovers(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(`SELECT datname FROM pg_database`);
  for (const { datname } of rows) {
    const createdMs = Number(NAME.exec(datname)?.[1]);
    if (Date.now() - createdMs > LEFTOVER_AFTER_MS)
      await admin.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  }
}
