import type { FeedState } from '../stream/feed-state.ts';
import type { AppendFailure } from './append-queue.ts';
import type { ReopenReason } from './reopen-reason.ts';

/** Why a session ended, for its connection to act on. */
export type SessionEnd =
  | { readonly kind: 'reopen'; readonly reason: ReopenReason }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'sequence-reuse' }
  | { readonly kind: 'overrun' };

/** The part of a feed's state that reconciliation reads. */
export type ReconciledState = Pick<FeedState, 'run' | 'generation' | 'position' | 'session'>;

/** A session at its `opened`. */
export interface SessionStart {
  readonly session: string;
  readonly generation: string;
  /** Seq of the last frame in the buffer. */
  readonly accepted: number;
  /** Seq of the last frame known durable. */
  readonly committed: number;
}

/**
 * Verdict on a frame.
 * - `append`: it continues the feed
 * - `accepted`: a repeat of a frame in the buffer, to be acknowledged again
 * - `pending`: a repeat of a frame on its way into the buffer; its ack comes
 * - `missing`: a frame before it never came
 * - `reuse`: its number has been used for something else
 */
export type FrameVerdict = 'append' | 'accepted' | 'pending' | 'missing' | 'reuse';

/**
 * Session rules: the decisions of one feed on one connection, from `opened` to the end of its session. Pure: the
 * session and the model run the same code. Per frame it allocates nothing.
 */
export class SessionRules {
  readonly session: string;
  readonly generation: string;
  /** Seq of the newest frame taken, accepted by the buffer, known committed, told committed. */
  #taken: number;
  #accepted: number;
  #knownCommitted: number;
  #toldCommitted: number;
  #isFirstFrame = true;

  constructor(start: SessionStart) {
    this.session = start.session;
    this.generation = start.generation;
    this.#taken = start.accepted;
    this.#accepted = start.accepted;
    this.#knownCommitted = start.committed;
    this.#toldCommitted = start.committed;
  }

  /** Highest seq told accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Decides on a frame and, where the verdict is `append`, counts it as taken. */
  take(prev: number, seq: number): FrameVerdict {
    const verdict = this.classify(prev, seq, this.#isFirstFrame);
    this.#isFirstFrame = false;
    if (verdict === 'append') this.#taken = seq;
    return verdict;
  }

  /** Decides on a frame; changes nothing. */
  protected classify(prev: number, seq: number, isFirst: boolean): FrameVerdict {
    if (prev > this.#taken) return 'missing';
    if (prev === this.#taken) return 'append';
    // Sequence reuse: a feed that begins below its `opened` has restarted its counter, and a frame across the newest
    // one is numbered by another program. To acknowledge either would swallow its ticks.
    if (isFirst || seq > this.#taken) return 'reuse';
    return seq <= this.#accepted ? 'accepted' : 'pending';
  }

  /** Every frame up to `seq` is in the buffer. */
  onAppended(seq: number): void {
    this.#accepted = Math.max(this.#accepted, seq);
  }

  /** A transaction made the feed durable up to `seq`. @returns false where that is another generation's, or not new */
  onCommitted(generation: string, seq: number): boolean {
    if (generation !== this.generation || seq <= this.#knownCommitted) return false;
    this.#knownCommitted = seq;
    return true;
  }

  /** The seq to tell committed now, once: never above accepted. Undefined where there is nothing to tell. */
  takeCommitted(): number | undefined {
    const seq = Math.min(this.#knownCommitted, this.#accepted);
    if (seq <= this.#toldCommitted) return undefined;
    this.#toldCommitted = seq;
    return seq;
  }

  /**
   * Compares the session with the feed's state in Redis.
   * @param run of the Redis that answered
   * @param acceptedBefore what had been told accepted before Redis was asked
   * @returns how the session ends; undefined where it goes on
   */
  reconcile(state: ReconciledState | undefined, run: string, acceptedBefore: number): SessionEnd | undefined {
    if (state === undefined || state.run !== run) return { kind: 'reopen', reason: 'state_lost' };
    if (state.generation !== this.generation) return { kind: 'reopen', reason: 'stale_generation' };
    if (state.session !== this.session) return { kind: 'superseded' };
    return state.position < acceptedBefore ? { kind: 'reopen', reason: 'chain_broken' } : undefined;
  }
}

/** How a session ends whose frames cannot be appended any more. */
export function endAfterFailure(failure: AppendFailure): SessionEnd {
  switch (failure) {
    case 'session':
      return { kind: 'superseded' };
    case 'lost-state':
      return { kind: 'reopen', reason: 'state_lost' };
    case 'lost-chain':
      return { kind: 'reopen', reason: 'chain_broken' };
    case 'unanswered':
      return { kind: 'reopen', reason: 'unanswered' };
  }
}
