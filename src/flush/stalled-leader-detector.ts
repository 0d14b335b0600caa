import type { Client } from 'pg';
import { flushLogger } from '../logger.ts';
import type { LockKey } from './leader-lock.ts';

/** How long a leader may stand still, waiting for its client, before a standby ends its session. */
const STALLED_AFTER_MS = 3_000;

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
 * Detects a stalled leader, from a standby. A coordinator that was stopped in the middle of COPY holds the leader lock
 * for ever: neither statement nor idle time-outs end it. Its session is ended when for three seconds it waited for its
 * client and neither its COPY nor its state moved; never one that waits for a lock, for IO or for a replica.
 */
export class StalledLeaderDetector {
  readonly #key: LockKey;
  #last: HolderSample | undefined;
  #stillSinceMs = 0;

  constructor(key: LockKey) {
    this.#key = key;
  }

  /** Samples the holder once; to be called every half second or so. @returns true when it ended a stalled one */
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

  /** Compare-and-terminate in one statement, so that a holder that moved meanwhile is spared. */
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
    a.wait_event_type === b.wait_event_type &&
    a.bytes_processed === b.bytes_processed
  );
}
