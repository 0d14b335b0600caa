/**
 * Name of the advisory lock under which a deployment's ticks and bars are written: by a flush, which tries it, and by
 * a rebuild of bars, which waits for it. PostgreSQL makes the number: `pg_try_advisory_xact_lock(hashtextextended(name, 0))`.
 * Advisory locks belong to a database, so that the same prefix in another database is another lock.
 */
export function flushLockName(prefix: string): string {
  return `tickgate flush ${prefix}`;
}
