/**
 * Class of a flush's error, which decides the next step.
 * - `retry`: nothing is wrong with the ticks; the same again later.
 * - `bad-tick`: one tick of the batch is refused; it goes to the rejected ticks, the others again.
 * - `schema-drift`: the table is not what we write to; flushing stops until somebody mends it.
 */
export type SqlStateClass = 'retry' | 'bad-tick' | 'schema-drift';

/** Exact states first, then classes by their first two characters. Others are retried. */
const CLASS_BY_STATE: Readonly<Record<string, SqlStateClass>> = {
  '08P01': 'schema-drift', // protocol violation: our COPY encoding and the table disagree
  '22P03': 'schema-drift', // invalid binary representation
  '22P04': 'schema-drift', // bad COPY file format
  '23502': 'schema-drift', // NOT NULL: a column we don't write, or a tick we never make
  P0001: 'bad-tick', // RAISE EXCEPTION of a user's trigger
  '25006': 'retry', // read-only: a failover is under way
  '08': 'retry', // connection
  '40': 'retry', // rollback: deadlock, serialization
  '53': 'retry', // resources: disk full, too many connections
  '57': 'retry', // operator intervention: shutdown, cancel
  '22': 'bad-tick', // data exception
  '23': 'bad-tick', // integrity constraint
  '42': 'schema-drift', // missing table, column or right
};

/** The SQLSTATE of an error PostgreSQL sent, else undefined (a lost connection, a time-out of ours). */
export function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  // Node's own codes (ECONNRESET, EPIPE) share the property: only severity tells them from a five-letter state.
  const fromServer = 'severity' in error && typeof error.severity === 'string';
  return fromServer && typeof error.code === 'string' ? error.code : undefined;
}

/** Sorts an error of a flush by its SQLSTATE. Errors that are not PostgreSQL's are retried. */
export function classifySqlState(error: unknown): SqlStateClass {
  const state = sqlStateOf(error);
  if (state === undefined) return 'retry';
  return CLASS_BY_STATE[state] ?? CLASS_BY_STATE[state.slice(0, 2)] ?? 'retry';
}
