import type { Client } from 'pg';
import type { FeedState } from '../stream/feed-state.ts';
import type { StreamSource } from './batch-reader.ts';
import type { RefusalRules } from './batch-writer.ts';
import type { Watermark } from './chain-filter.ts';
import type { BatchLimits, ReadEntry } from './batch-planner.ts';
import type { FlushStore } from './flush-transaction.ts';
import type { StaleEntry, ResumeWindow } from './retained-entries.ts';

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
  /** Ids of the foreign entries that are gone; undefined when the stream is another one. */
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
   * What a backend that waits for its client has got done, asked in another session: two equal answers mean that it
   * has not moved. Undefined while it works or waits for something else.
   */
  progressOfWaiting(backend: number): Promise<string | undefined>;
  /** Deletes rows of one-off feeds (`~…`) an hour after their last commit. @returns their names */
  deleteSpentFeeds(): Promise<string[]>;
}

export interface CoordinatorOptions {
  readonly flushIntervalMs: number;
  readonly limits: BatchLimits;
  readonly resumeWindow: ResumeWindow;
}

export interface FlushReport {
  readonly rows: number;
  readonly rejected: number;
  readonly flushMs: number;
  /** When the transaction was committed, by this process's clock. */
  readonly committedAtMs: number;
  /** Entries of the stream that are wholly dealt with now. */
  readonly passed: readonly ReadEntry[];
}

/** Named so that metrics and tests can listen. */
export interface CoordinatorObserver {
  onFlush?(report: FlushReport): void;
  onFailure?(error: unknown): void;
  onInvalidated?(feed: string): void;
}

/** What the coordinator does now, for /readyz. */
export type CoordinatorState =
  | { readonly doing: 'leading' | 'standby' | 'starting' | 'stopped' }
  | { readonly doing: 'waiting' | 'halted'; readonly why: string };
