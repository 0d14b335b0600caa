import type { Client } from 'pg';
import { z } from 'zod';
import { loadSql } from './sql-file.ts';

/** `apache`: hypertables only. `community`: columnstore, policies and continuous aggregates too. */
export type TimescaleEdition = 'apache' | 'community';

export interface StoreVersions {
  /** Such as `17.11`. */
  readonly postgres: string;
  /** Major version, such as 17. */
  readonly postgresMajor: number;
  /** Version of the extension in this database, such as `2.19.3`; undefined when it is not created. */
  readonly timescale: string | undefined;
  /** Version that CREATE EXTENSION would give; undefined when the package is not installed. */
  readonly timescaleAvailable: string | undefined;
  /** Undefined when the extension is not created, or its library is not loaded by the server. */
  readonly edition: TimescaleEdition | undefined;
}

const rowSchema = z.object({
  version: z.string(),
  version_num: z.number().int(),
  installed: z.string().nullable(),
  available: z.string().nullable(),
  license: z.string().nullable(),
});

/** Reads the versions of server and extension; works in a database without the extension. */
export async function readStoreVersions(client: Client): Promise<StoreVersions> {
  const result = await client.query(loadSql('./sql/read-versions.sql'));
  const row = rowSchema.parse(result.rows[0]);
  return {
    postgres: row.version,
    postgresMajor: Math.floor(row.version_num / 10_000),
    timescale: row.installed ?? undefined,
    timescaleAvailable: row.available ?? undefined,
    edition: row.license === null ? undefined : row.license === 'timescale' ? 'community' : 'apache',
  };
}

/** True when `version` (such as `2.19.3` or `2.30.0-dev`) is at least `major.minor`. */
export function isVersionAtLeast(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(/[.-]/).map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** `Apache edition: …` or `Community edition: …`, in one line for people. */
export function describeEdition(edition: TimescaleEdition): string {
  return edition === 'community'
    ? 'Community edition (columnstore, policies and continuous aggregates)'
    : 'Apache edition (hypertables; no columnstore, policies or continuous aggregates)';
}
