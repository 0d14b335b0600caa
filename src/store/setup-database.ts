import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { StoreSchemaError } from '../errors.ts';
import { describePostgresAddress } from './postgres-address.ts';
import { missingExtension } from './missing-extension.ts';
import { explainSchemaError } from './postgres-errors.ts';
import { checkColumns } from './schema-columns.ts';
import { loadSql, type SqlVariables } from './sql-file.ts';
import { isVersionAtLeast, readStoreVersions, type StoreVersions, type TimescaleEdition } from './timescale-edition.ts';

/** Applied once each, in this order; a new version is a new file. */
const VERSIONS: ReadonlyArray<{ readonly version: number; readonly name: string }> = [
  { version: 1, name: '001_ticks' },
  { version: 2, name: '002_feeds' },
  { version: 3, name: '003_bars' },
];
/** Applied once, when the edition has it; numbered far from the others so that these may go on. */
const COLUMNSTORE = { version: 1001, name: 'columnstore' } as const;

const MIN_POSTGRES_MAJOR = 14;

/** Report of `setup-db`. */
export interface SetupReport {
  /** `user@host:port/database`. */
  readonly address: string;
  readonly postgresVersion: string;
  readonly timescaleVersion: string;
  readonly edition: TimescaleEdition;
  readonly extensionCreated: boolean;
  /** Names of the schema files applied now; empty when all were applied before. */
  readonly applied: readonly string[];
  readonly viewsRenewed: boolean;
  /** Zone in which the day bars are cut. */
  readonly timeZone: string;
  /** Whether older chunks become columnar. `unavailable` on the Apache edition and before 2.18. */
  readonly columnstore: 'on' | 'unavailable';
  /** Hints for the operator, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Creates or upgrades everything Tickgate keeps in the database. Idempotent; two at once wait for each other; each
 * step is one transaction, so that an end at any moment leaves a whole number of steps.
 * @throws {StoreSchemaError} when the extension, a right or an existing table stands in the way: nothing is changed
 *   by the step that failed, and the remedy is the command that mends it.
 * @throws {StoreUnavailableError} when the connection is lost.
 */
export async function setupDatabase(client: Client, config: Config): Promise<SetupReport> {
  const prefix = config.ticksPrefix;
  try {
    const { versions, created } = await ensureExtension(client, config);
    const applied: string[] = [];
    await inSetupTransaction(client, prefix, async () => {
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${prefix}_schema_versions (
           version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
      );
    });
    for (const step of VERSIONS) {
      await inSetupTransaction(client, prefix, async () => {
        const done = await readAppliedVersions(client, prefix);
        refuseNewerSchema(done, prefix);
        await checkColumns(client, prefix);
        if (done.includes(step.version)) return;
        const collation = step.version === 1 ? undefined : await symbolCollation(client, prefix);
        await client.query(loadSql(`./schema/${step.name}.sql`, { prefix, ...(collation && { collation }) }));
        await recordVersion(client, prefix, step);
        applied.push(step.name);
      });
    }
    const viewsRenewed = await renewViews(client, config);
    const columnstore = await applyColumnstore(client, prefix, versions, applied);
    return {
      address: describePostgresAddress(config),
      postgresVersion: versions.postgres,
      timescaleVersion: versions.timescale,
      edition: versions.edition,
      extensionCreated: created,
      applied,
      viewsRenewed,
      timeZone: config.barsTimeZone,
      columnstore,
      notes: await readNotes(client, prefix),
    };
  } catch (error) {
    throw explainSchemaError(error, config, 'setup-db');
  }
}

type WithExtension = StoreVersions & { readonly timescale: string; readonly edition: TimescaleEdition };

async function ensureExtension(client: Client, config: Config): Promise<{ versions: WithExtension; created: boolean }> {
  const before = await readStoreVersions(client);
  if (before.postgresMajor < MIN_POSTGRES_MAJOR) {
    throw new StoreSchemaError(`PostgreSQL ${before.postgres} is too old`, {
      remedy: `use PostgreSQL ${MIN_POSTGRES_MAJOR} or later`,
    });
  }
  if (hasExtension(before)) return { versions: before, created: false };
  if (before.timescaleAvailable === undefined || before.timescale !== undefined) throw missingExtension(before, config);
  await inSetupTransaction(client, config.ticksPrefix, async () => {
    await client.query('CREATE EXTENSION IF NOT EXISTS timescaledb');
  });
  const after = await readStoreVersions(client);
  if (!hasExtension(after)) throw missingExtension(after, config);
  return { versions: after, created: true };
}

function hasExtension(versions: StoreVersions): versions is WithExtension {
  return versions.timescale !== undefined && versions.edition !== undefined;
}

/** One transaction at a time over all programs that set up this prefix in this database. */
async function inSetupTransaction(client: Client, prefix: string, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`tickgate setup ${prefix}`]);
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function readAppliedVersions(client: Client, prefix: string): Promise<readonly number[]> {
  const result = await client.query(`SELECT version FROM ${prefix}_schema_versions ORDER BY version`);
  return z
    .array(z.object({ version: z.number() }))
    .parse(result.rows)
    .map((row) => row.version);
}

function refuseNewerSchema(done: readonly number[], prefix: string): void {
  const known: readonly number[] = [...VERSIONS.map((each) => each.version), COLUMNSTORE.version];
  const newer = done.find((version) => !known.includes(version));
  if (newer === undefined) return;
  throw new StoreSchemaError(`the schema ${prefix} was made by a newer Tickgate (it has version ${newer})`, {
    remedy: 'upgrade Tickgate, or set TICKS_PREFIX to a name that is free',
  });
}

async function recordVersion(
  client: Client,
  prefix: string,
  step: { readonly version: number; readonly name: string },
): Promise<void> {
  await client.query(`INSERT INTO ${prefix}_schema_versions (version, name) VALUES ($1, $2)`, [
    step.version,
    step.name,
  ]);
}

/** Collation of the ticks' symbols: ours, or that of a table which existed before. */
async function symbolCollation(client: Client, prefix: string): Promise<readonly [string, string]> {
  const result = await client.query(loadSql('./sql/read-symbol-collation.sql', { prefix }));
  const row = z.object({ schema: z.string(), name: z.string() }).parse(result.rows[0]);
  return [row.schema, row.name];
}

async function renewViews(client: Client, config: Config): Promise<boolean> {
  const prefix = config.ticksPrefix;
  const variables: SqlVariables = { prefix, zone: config.barsTimeZone };
  const sql = loadSql('./schema/views.sql', variables);
  const stamp = `tickgate ${createHash('sha256').update(sql).digest('hex').slice(0, 16)}, days in ${config.barsTimeZone}`;
  let renewed = false;
  await inSetupTransaction(client, prefix, async () => {
    const result = await client.query(`SELECT obj_description(to_regclass($1), 'pg_class') AS stamp`, [
      `${prefix}_last`,
    ]);
    if (z.object({ stamp: z.string().nullable() }).parse(result.rows[0]).stamp === stamp) return;
    await client.query(sql);
    await client.query(`COMMENT ON VIEW ${prefix}_last IS ${client.escapeLiteral(stamp)}`);
    renewed = true;
  });
  return renewed;
}

async function applyColumnstore(
  client: Client,
  prefix: string,
  versions: WithExtension,
  applied: string[],
): Promise<SetupReport['columnstore']> {
  if (versions.edition !== 'community' || !isVersionAtLeast(versions.timescale, 2, 18)) return 'unavailable';
  await inSetupTransaction(client, prefix, async () => {
    if ((await readAppliedVersions(client, prefix)).includes(COLUMNSTORE.version)) return;
    await client.query(loadSql(`./schema/${COLUMNSTORE.name}.sql`, { prefix }));
    await recordVersion(client, prefix, COLUMNSTORE);
    applied.push(COLUMNSTORE.name);
  });
  return 'on';
}

/** Hints about existing tables, one sentence each, with the statement that mends it. */
export async function readNotes(client: Client, prefix: string): Promise<readonly string[]> {
  const notes: string[] = [];
  const indexes = await client.query(loadSql('./sql/read-ticks-indexes.sql', { prefix }));
  for (const index of z.array(z.object({ name: z.string(), is_unique: z.boolean() })).parse(indexes.rows)) {
    notes.push(
      index.is_unique
        ? `the unique index ${index.name} refuses trades that are equal to an earlier one: DROP INDEX ${index.name};`
        : `the index ${index.name} is not needed and slows every flush: DROP INDEX ${index.name};`,
    );
  }
  const unbarred = await client.query(
    `SELECT EXISTS (SELECT FROM ${prefix}_ticks) AND NOT EXISTS (SELECT FROM ${prefix}_bars_1m) AS unbarred`,
  );
  if (z.object({ unbarred: z.boolean() }).parse(unbarred.rows[0]).unbarred) {
    notes.push('the table held ticks before it had bars: run `tickgate rebuild-bars` over their days');
  }
  return notes;
}
