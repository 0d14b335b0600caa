import type { Client } from 'pg';
import type { Config } from '../config.ts';
import { connectPostgres } from './postgres-connection.ts';
import { explainSchemaError } from './postgres-errors.ts';

/**
 * Runs one command's work in a session of its own and ends the session.
 * @param name the command, for pg_stat_activity and for messages
 * @throws {StoreUnavailableError} {StoreSchemaError} instead of PostgreSQL's own words, with the remedy
 */
export async function withStore<T>(config: Config, name: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectPostgres(config, { applicationName: `tickgate-${name}`, isQuiet: true });
  try {
    return await work(client);
  } catch (error) {
    throw explainSchemaError(error, config, name);
  } finally {
    await client.end().catch(() => undefined);
  }
}
