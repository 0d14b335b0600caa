import type { Client } from 'pg';
import { z } from 'zod';
import { StoreSchemaError } from '../errors.ts';
import { loadSql } from './sql-file.ts';

/** Columns we write or read, by table (its name without the prefix), with PostgreSQL's own names of the types. */
const COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ticks: { time: 'timestamp with time zone', symbol: 'text', price: 'double precision', volume: 'bigint' },
  feed_watermarks: {
    feed: 'text',
    seq: 'bigint',
    generation: 'text',
    writer: 'text',
    updated_at: 'timestamp with time zone',
  },
  ticks_rejected: {
    feed: 'text',
    seq: 'bigint',
    idx: 'integer',
    reason: 'text',
    raw: 'bytea',
    rejected_at: 'timestamp with time zone',
  },
  feed_gaps: { feed: 'text', after_seq: 'bigint', next_seq: 'bigint', declared_at: 'timestamp with time zone' },
  bars_1m: {
    symbol: 'text',
    time: 'timestamp with time zone',
    open: 'double precision',
    high: 'double precision',
    low: 'double precision',
    close: 'double precision',
    volume: 'numeric',
    trades: 'bigint',
    turnover: 'numeric',
    open_time: 'timestamp with time zone',
    close_time: 'timestamp with time zone',
  },
};

/** Longest symbol a tick may have. */
const SYMBOL_LENGTH = 32;

const columnSchema = z.object({
  table_name: z.string(),
  kind: z.string(),
  column_name: z.string(),
  type: z.string(),
  /** NOT NULL, without a default and not generated: an insert that leaves it out fails. */
  must_be_given: z.boolean(),
});

/**
 * Compares the tables that exist with the columns that Tickgate writes.
 * @returns the names (with prefix) of tables that don't exist.
 * @throws {StoreSchemaError} naming table, column and both types of the first that differs.
 */
export async function checkColumns(client: Client, prefix: string): Promise<readonly string[]> {
  const names = Object.keys(COLUMNS).map((table) => `${prefix}_${table}`);
  const result = await client.query(loadSql('./sql/read-columns.sql'), [names]);
  const found = z.array(columnSchema).parse(result.rows);
  const missing: string[] = [];
  for (const [table, wanted] of Object.entries(COLUMNS)) {
    const name = `${prefix}_${table}`;
    const columns = found.filter((column) => column.table_name === name);
    if (columns.length === 0) missing.push(name);
    else checkTable(name, columns, wanted);
  }
  return missing;
}

function checkTable(
  name: string,
  columns: ReadonlyArray<z.infer<typeof columnSchema>>,
  wanted: Readonly<Record<string, string>>,
): void {
  const kind = columns[0]?.kind;
  if (kind !== 'r' && kind !== 'p') {
    throw new StoreSchemaError(`${name} exists and is not a table`, { remedy: renameRemedy(name) });
  }
  for (const [column, type] of Object.entries(wanted)) {
    const actual = columns.find((each) => each.column_name === column)?.type;
    if (actual === undefined) {
      throw new StoreSchemaError(`${name} exists and has no column ${column} (${type})`, {
        remedy: renameRemedy(name),
      });
    }
    if (!isAccepted(actual, type)) {
      throw new StoreSchemaError(`column ${column} of ${name} is ${actual} and must be ${type}`, {
        remedy: `ALTER TABLE ${name} ALTER COLUMN ${column} TYPE ${type};   or ${renameRemedy(name)}`,
      });
    }
  }
  const unfilled = columns.find((each) => each.must_be_given && wanted[each.column_name] === undefined);
  if (unfilled !== undefined) {
    throw new StoreSchemaError(`column ${unfilled.column_name} of ${name} is NOT NULL without a default`, {
      remedy: `ALTER TABLE ${name} ALTER COLUMN ${unfilled.column_name} DROP NOT NULL;   or give it a default`,
    });
  }
}

/** A varchar that every symbol fits into is as good as text, in binary too. */
function isAccepted(actual: string, wanted: string): boolean {
  if (actual === wanted) return true;
  const varchar = /^character varying(?:\((\d+)\))?$/.exec(actual);
  if (wanted !== 'text' || varchar === null) return false;
  return varchar[1] === undefined || Number(varchar[1]) >= SYMBOL_LENGTH;
}

function renameRemedy(name: string): string {
  return `put it aside (ALTER TABLE ${name} RENAME TO ${name}_old;) or set TICKS_PREFIX to a name that is free, and run \`tickgate setup-db\``;
}
