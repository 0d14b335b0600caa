import type { Config } from '../config.ts';
import { StoreSchemaError } from '../errors.ts';
import { describePostgresAddress, postgresAddressOf } from './postgres-address.ts';
import type { StoreVersions } from './timescale-edition.ts';

/** The error of a database where TimescaleDB cannot be used: not installed, not loaded or not created. */
export function missingExtension(versions: StoreVersions, config: Config): StoreSchemaError {
  const address = describePostgresAddress(config);
  if (versions.timescale !== undefined) {
    return new StoreSchemaError(`TimescaleDB is created in ${address} but not loaded by the server`, {
      remedy: PRELOAD_REMEDY,
    });
  }
  if (versions.timescaleAvailable !== undefined) {
    return new StoreSchemaError(`TimescaleDB is not created in the database ${address}`, {
      remedy: 'run `tickgate setup-db`',
    });
  }
  const { database } = postgresAddressOf(config);
  return new StoreSchemaError(
    `TimescaleDB is not installed on the server ${address} (PostgreSQL ${versions.postgres})`,
    {
      remedy:
        `on that server: apt-get install postgresql-${versions.postgresMajor}-timescaledb, ${PRELOAD_REMEDY}, ` +
        `psql -d ${database} -c 'CREATE EXTENSION timescaledb'; ` +
        `or use the image timescale/timescaledb:latest-pg${versions.postgresMajor}`,
    },
  );
}

/** PostgreSQL ends a session that needs the library where it is not preloaded. */
export const PRELOAD_REMEDY =
  "add shared_preload_libraries = 'timescaledb' to postgresql.conf, systemctl restart postgresql";
