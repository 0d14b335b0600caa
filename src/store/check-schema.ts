import type { Client } from 'pg';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { StoreSchemaError, StoreUnavailableError } from '../errors.ts';
import { describePostgresAddress, postgresAddressOf } from './postgres-address.ts';
import { explainSchemaError } from './postgres-errors.ts';
import { checkColumns } from './schema-columns.ts';
import { missingExtension } from './missing-extension.ts';
import { loadSql } from './sql-file.ts';
import { isVersionAtLeast, readStoreVersions, type TimescaleEdition } from './timescale-edition.ts';

/** Facts of the store that a coordinator needs before its first flush. */
export interface SchemaCheck {
  readonly postgresVersion: string;
  readonly timescaleVersion: string;
  readonly edition: TimescaleEdition;
  /** The session's own setting: a flush must `SET LOCAL synchronous_commit = on` where this is `off` or `local`. */
  readonly synchronousCommit: string;
  readonly mustRaiseSynchronousCommit: boolean;
  /** Whether `timescaledb.enable_direct_compress_copy` is there and trustworthy (Community, 2.29 or later). */
  readonly hasDirectCompress: boolean;
  /** Weak points of durability, one sentence each with its remedy; for the log and /readyz. */
  readonly durabilityWarnings: readonly string[];
}

const durabilitySchema = z.object({
  fsync: z.string(),
  full_page_writes: z.string(),
  synchronous_commit: z.string(),
  in_recovery: z.boolean(),
  unlogged: z.boolean().nullable(),
  is_hypertable: z.boolean(),
  lacking_rights: z.array(z.string()),
});

/**
 * Checks at start that a flush can do its work: tables, column types, rights; and lists weak points of durability.
 * Changes nothing.
 * @throws {StoreSchemaError} naming a table, column or right that is missing or wrong, with the command that mends it.
 * @throws {StoreUnavailableError} on a read-only standby, or when the connection is lost.
 */
export async function checkSchema(client: Client, config: Config): Promise<SchemaCheck> {
  const prefix = config.ticksPrefix;
  try {
    const versions = await readStoreVersions(client);
    if (versions.timescale === undefined || versions.edition === undefined) {
      throw missingExtension(versions, config);
    }
    const missing = await checkColumns(client, prefix);
    if (missing.length > 0) {
      throw new StoreSchemaError(`${missing.join(', ')}: no such table in ${describePostgresAddress(config)}`, {
        remedy: 'run `tickgate setup-db`',
      });
    }
    const result = await client.query(loadSql('./sql/read-durability.sql', { prefix }));
    const durability = durabilitySchema.parse(result.rows[0]);
    refuseStandby(durability.in_recovery, config);
    refuseLackingRights(durability.lacking_rights, config);
    if (!durability.is_hypertable) {
      throw new StoreSchemaError(`${prefix}_ticks is not a hypertable`, { remedy: 'run `tickgate setup-db`' });
    }
    return {
      postgresVersion: versions.postgres,
      timescaleVersion: versions.timescale,
      edition: versions.edition,
      synchronousCommit: durability.synchronous_commit,
      mustRaiseSynchronousCommit: ['off', 'local'].includes(durability.synchronous_commit),
      hasDirectCompress: versions.edition === 'community' && isVersionAtLeast(versions.timescale, 2, 29),
      durabilityWarnings: durabilityWarningsOf(durability, prefix),
    };
  } catch (error) {
    throw explainSchemaError(error, config, 'schema check');
  }
}

function refuseStandby(inRecovery: boolean, config: Config): void {
  if (!inRecovery) return;
  throw new StoreUnavailableError(`PostgreSQL at ${describePostgresAddress(config)} is a read-only standby`, {
    remedy: 'set POSTGRES_HOST to the primary, or promote the standby',
  });
}

function refuseLackingRights(lacking: readonly string[], config: Config): void {
  const first = lacking[0];
  if (first === undefined) return;
  const { user, database } = postgresAddressOf(config);
  const tables = [...new Set(lacking.map((each) => each.split(':')[0]))].join(', ');
  const [table, right] = first.split(':');
  throw new StoreSchemaError(`user ${user} has no right to ${right} on ${table}`, {
    remedy: `as their owner: psql -d ${database} -c 'GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO "${user}"'`,
  });
}

function durabilityWarningsOf(durability: z.infer<typeof durabilitySchema>, prefix: string): readonly string[] {
  const durabilityWarnings: string[] = [];
  if (durability.fsync !== 'on') {
    durabilityWarnings.push(
      'fsync is off: a crash of the machine can lose committed ticks or the database (ALTER SYSTEM SET fsync = on)',
    );
  }
  if (durability.full_page_writes !== 'on') {
    durabilityWarnings.push(
      'full_page_writes is off: a crash of the machine can leave torn pages (ALTER SYSTEM SET full_page_writes = on)',
    );
  }
  if (durability.unlogged === true) {
    durabilityWarnings.push(
      `${prefix}_ticks is unlogged: a crash of PostgreSQL empties it (ALTER TABLE ${prefix}_ticks SET LOGGED)`,
    );
  }
  return durabilityWarnings;
}
