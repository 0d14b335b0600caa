import type { Client } from 'pg';
import { InvariantError } from '../errors.ts';
import { loadSql } from './sql-file.ts';

const sqlByPrefix = new Map<string, string>();

/**
 * Merges the bars of one batch into the stored ones, inside the caller's transaction.
 * @param parameters the bars, a column each; not empty (flush/bar-columns.ts)
 * @returns the bars as they are stored now, a column each, in the same order
 * @throws `pg`'s errors as they come
 */
export async function upsertBars(client: Client, prefix: string, parameters: readonly Buffer[]): Promise<Buffer[]> {
  let sql = sqlByPrefix.get(prefix);
  if (sql === undefined) {
    sql = loadSql('./sql/upsert-bars.sql', { prefix });
    sqlByPrefix.set(prefix, sql);
  }
  const result = await client.query<Buffer[]>({
    name: `tickgate_upsert_bars_${prefix}`,
    text: sql,
    values: [...parameters],
    rowMode: 'array',
  });
  const [columns] = result.rows;
  if (columns === undefined) throw new InvariantError('bars of a flush were not returned');
  return columns;
}
