import type { Client } from 'pg';
import { flushLogger } from '../logger.ts';

/** The advisory lock of a deployment, as PostgreSQL's two-integer key. */
export type LockKey = readonly [number, number];

/** How long a holder may stand still, waiting for its client, before a standby ends it. */
const STALLED_AFTER_MS = 3_000;

/**
 * Takes the seat of the leading coordinator: the flush's advisory lock, held by the session between transactions too,
 * so that standbys do not take turns with the leader. Safety does not rest on it: every flush takes the lock again in
 * its transaction, and the watermarks are compared and set.
 */
export async function tryLockLeadership(client: Client, key: LockKey): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS taken', [...key]);
  return rows[0]?.taken === true;
}

interface HolderSample {
  readonly pid: number;
  readonly backend_start: string;
  readonly xact_start: string | null;
  readonly state_change: string;
  readonly wait_event_type: string | null;
  readonly bytes_processed: string | null;
}

const HOLDER = `
  FROM pg_locks AS held
  JOIN pg_stat_activity AS activity USING (pid)
  LEFT JOIN pg_stat_progress_copy AS copy USING (pid)
  WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 2
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND held.classid::bigint::bit(32) = ($1::int)::bit(32) AND held.objid::bigint::bit(32) = ($2::int)::bit(32)`;

/**
 * Watches the holder of the lock from a standby. A coordinator that was stopped in the middle of COPY holds the lock
 * for ever: neither statement nor idle time-outs end it. It is ended when for three seconds it waited for its client
 * and neither its COPY nor its state moved; never one that waits for a lock, for IO or for a replica.
 */
export class StalledLeaderDetector {
  readonly #key: LockKey;
  #last: HolderSample | undefined;
  #stillSinceMs = 0;

  constructor(key: LockKey) {
    this.#key = key;
  }

  /** Looks once. @returns true when it ended a stalled holder */
  async check(client: Client, nowMs: number): Promise<boolean> {
    const { rows } = await client.query<HolderSample>(
      `SELECT pid, backend_start::text, xact_start::text, state_change::text, wait_event_type, bytes_processed::text ${HOLDER} LIMIT 1`,
      [...this.#key],
    );
    const sample = rows[0];
    if (sample === undefined || sample.wait_event_type !== 'Client' || !isSame(sample, this.#last)) {
      this.#last = sample;
      this.#stillSinceMs = nowMs;
      return false;
    }
    if (nowMs - this.#stillSinceMs < STALLED_AFTER_MS) return false;
    this.#stillSinceMs = nowMs;
    return this.#terminate(client, sample);
  }

  /** One statement looks again and ends it, so that a holder that moved meanwhile is spared. */
  async #terminate(client: Client, sample: HolderSample): Promise<boolean> {
    const { rows } = await client.query<{ ended: boolean }>(
      `SELECT pg_terminate_backend(pid) AS ended ${HOLDER}
         AND pid = $3 AND backend_start::text = $4 AND xact_start::text IS NOT DISTINCT FROM $5
         AND state_change::text = $6 AND bytes_processed::text IS NOT DISTINCT FROM $7 AND wait_event_type = 'Client'`,
      [...this.#key, sample.pid, sample.backend_start, sample.xact_start, sample.state_change, sample.bytes_processed],
    );
    const ended = rows.some((row) => row.ended);
    if (ended) {
      flushLogger.error(
        { backend: sample.pid, inTransaction: sample.xact_start !== null, copiedBytes: sample.bytes_processed },
        'ended the session of a coordinator that stood still for 3 s waiting for its client',
      );
    }
    return ended;
  }
}

function isSame(a: HolderSample, b: HolderSample | undefined): boolean {
  return (
    b !== undefined &&
    a.pid === b.pid &&
    a.backend_start === b.backend_start &&
    a.xact_start === b.xact_start &&
    a.state_change === b.state_change &&
    a.bytes_processed === b.bytes_processed
  );
}
