import type { Client } from 'pg';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { describeError, TickgateError } from '../errors.ts';
import { checkSchema } from './check-schema.ts';
import { connectPostgres, describePostgresAddress } from './postgres-connection.ts';
import { readNotes } from './setup-database.ts';
import { describeEdition } from './timescale-edition.ts';

/** Result of one check. */
export interface Finding {
  /** The thing checked, such as `PostgreSQL`. */
  readonly name: string;
  /** `warn`: it works, and something weakens the promise or slows it. `fail`: it will not work. */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  readonly remedy?: string;
}

/** Checks the database and everything a flush needs of it. Never throws: a failure is a finding. */
export async function diagnoseStore(config: Config): Promise<readonly Finding[]> {
  let client: Client;
  try {
    client = await connectPostgres(config, { applicationName: 'tickgate-doctor', isQuiet: true });
  } catch (error) {
    return [failed('PostgreSQL', error)];
  }
  const findings: Finding[] = [];
  try {
    await examine(client, config, findings);
  } catch (error) {
    findings.push(failed('schema', error));
  } finally {
    await client.end().catch(() => undefined);
  }
  return findings;
}

async function examine(client: Client, config: Config, findings: Finding[]): Promise<void> {
  const version = await client.query(`SELECT split_part(current_setting('server_version'), ' ', 1) AS version`);
  const postgres = z.object({ version: z.string() }).parse(version.rows[0]).version;
  findings.push({ name: 'PostgreSQL', state: 'ok', finding: `${postgres} at ${describePostgresAddress(config)}` });
  const check = await checkSchema(client, config);
  findings.push(
    { name: 'TimescaleDB', state: 'ok', finding: `${check.timescaleVersion}, ${describeEdition(check.edition)}` },
    { name: 'schema', state: 'ok', finding: `complete, tables ${config.ticksPrefix}_…` },
  );
  for (const warning of check.durabilityWarnings)
    findings.push({ name: 'durability', state: 'warn', finding: warning });
  if (check.durabilityWarnings.length === 0) {
    findings.push({ name: 'durability', state: 'ok', finding: 'fsync and full_page_writes are on' });
  }
  findings.push({
    name: 'synchronous_commit',
    state: 'ok',
    finding: check.mustRaiseSynchronousCommit
      ? `${check.synchronousCommit} for this user; each flush turns it on for itself`
      : check.synchronousCommit,
  });
  findings.push(await timeZoneFinding(client, config));
  for (const note of await readNotes(client, config.ticksPrefix)) {
    findings.push({ name: 'ticks', state: 'warn', finding: note });
  }
}

/** The zone is written into the views by setup-db, so that it can differ from the setting. */
async function timeZoneFinding(client: Client, config: Config): Promise<Finding> {
  const result = await client.query(`SELECT obj_description(to_regclass($1), 'pg_class') AS stamp`, [
    `${config.ticksPrefix}_last`,
  ]);
  const { stamp } = z.object({ stamp: z.string().nullable() }).parse(result.rows[0]);
  const zone = /, days in (\S+)$/.exec(stamp ?? '')?.[1];
  if (zone === config.barsTimeZone) return { name: 'days', state: 'ok', finding: `begin at midnight in ${zone}` };
  return {
    name: 'days',
    state: 'warn',
    finding:
      zone === undefined
        ? 'the views are missing or not made by setup-db'
        : `begin at midnight in ${zone}, but BARS_TIME_ZONE is ${config.barsTimeZone}`,
    remedy: 'run `tickgate setup-db`',
  };
}

/** An error as a finding. */
export function failed(name: string, error: unknown): Finding {
  const finding = describeError(error);
  return error instanceof TickgateError
    ? { name, state: 'fail', finding, remedy: error.remedy }
    : { name, state: 'fail', finding };
}
