import type { Client } from 'pg';

/** The advisory lock of a deployment, as PostgreSQL's two-integer key. */
export type LockKey = readonly [number, number];

/**
 * Takes the leader lock, if it is free: the flush's advisory lock, held by the session between transactions too, so
 * that standbys do not take turns with the leader. Safety does not rest on it: every flush takes the lock again in its
 * transaction, and the watermarks are compared and set.
 */
export async function tryLockLeadership(client: Client, key: LockKey): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS taken', [...key]);
  return rows[0]?.taken === true;
}
