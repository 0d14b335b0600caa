import type { Client } from 'pg';
import type { Clock } from '../base/clock.ts';
import type { FeedState } from '../stream/feed-state.ts';
import type { StaleEntry } from '../stream/stale-entry.ts';
import type { StreamSource } from './batch-reader.ts';
import type { RefusalRules } from './batch-writer.ts';
import type { Watermark } from './chain-filter.ts';
import type { BatchLimits, ReadEntry } from './batch-planner.ts';
import type { FlushStore } from './flush-transaction.ts';
import type { ResumeWindow } from './retained-entries.ts';

/** The buffer as the coordinator needs it; see buffer/stream-reader.ts. */
export interface CoordinatorBuffer extends StreamSource {
  readonly isUp: boolean;
  /** Run id of the server that answers now; throws while there is none. */
  readonly run: string;
  pendingTicks(): Promise<number>;
  knownFeeds(): Promise<string[]>;
  feedStates(
    feeds: readonly string[],
  ): Promise<ReadonlyArray<Pick<FeedState, 'run' | 'generation' | 'position'> | undefined>>;
  invalidate(feed: string, run: string, generation: string): Promise<boolean>;
  forget(feed: string): Promise<void>;
  /** @returns ids of the stale entries removed; undefined when the stream is another one */
  trim(
    streamId: string,
    handled: number,
    committed: readonly string[],
    stale: readonly StaleEntry[],
  ): Promise<string[] | undefined>;
  publishFlush(notice: Buffer): Promise<void>;
}

/** The database as the coordinator needs it, beside its flush session. */
export interface CoordinatorStore extends FlushStore, RefusalRules {
  /** A session of its own for flushing, checked to be fit for it. */
  connect(): Promise<Client>;
  /** Rows of the watermarks table; missing where a feed has none. */
  readRows(feeds: readonly string[]): Promise<ReadonlyMap<string, Watermark>>;
  /**
   * Progress of a backend that waits for its client, asked in another session: two equal answers mean that it has not
   * moved. Undefined while it works or waits for something else.
   */
  progressOfWaiting(backend: number): Promise<string | undefined>;
  /** Deletes rows of one-off feeds (`~…`) an hour after their last commit. @returns their names */
  deleteSpentFeeds(): Promise<string[]>;
}

export interface CoordinatorOptions {
  readonly flushIntervalMs: number;
  readonly limits: BatchLimits;
  readonly resumeWindow: ResumeWindow;
  /** Default: the system's. */
  readonly clock?: Clock;
}

export interface FlushReport {
  readonly rows: number;
  readonly rejected: number;
  readonly flushMs: number;
  /** When the transaction was committed, by this process's clock. */
  readonly committedAtMs: number;
  /** Entries of the stream that are wholly dealt with by it. */
  readonly passed: readonly ReadEntry[];
}

/**
 * The outcome of one flush that did not fail:
 * - `flushed`: a batch is committed
 * - `passed`: there were entries but nothing to store, only repeats and stale ones; the cursor has passed them
 * - `outdated`: the stream or a watermark is not the one that the batch was made from; nothing is written, read again
 * - `lost-leadership`: another session holds the leader lock; nothing is written
 * - `nothing-new`: the stream holds no entry behind the cursor
 */
export type FlushResult = FlushOutcome & {
  /** Whether the batch reached the end of the stream, as the stream was when the batch was read. */
  readonly atEnd: boolean;
};

type FlushOutcome =
  | { readonly kind: 'flushed'; readonly report: FlushReport }
  | { readonly kind: 'passed' | 'outdated' | 'lost-leadership' | 'nothing-new' };

/** Hooks for metrics and logs, called in the coordinator's loop: they must return at once, and not throw. */
export interface CoordinatorObserver {
  /** After each COMMIT that stored or rejected a tick. */
  onFlush?(report: FlushReport): void;
  /** A turn failed; the coordinator waits, reads what it believed anew and tries again. */
  onFailure?(error: unknown): void;
  /** A feed's state had diverged from its watermark and was deleted. */
  onInvalidated?(feed: string): void;
}

/** The coordinator's mode, for /readyz; see {@link FlushCoordinator}. */
export type CoordinatorState =
  | { readonly doing: 'leading' | 'standby' | 'starting' | 'stopped' }
  | { readonly doing: 'waiting' | 'halted'; readonly why: string };
