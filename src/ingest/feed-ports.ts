import type { AppendRequest, AppendResult } from '../stream/append-request.ts';
import type { FeedReply } from '../protocol/reply-codec.ts';
import type { ReopenReason } from './reopen-reason.ts';

/** The buffer as feeds need it. */
export interface AppendBuffer {
  append(request: AppendRequest): Promise<AppendResult>;
  /** Ends a session's right to append; the feed's state stays. */
  release(feed: string, session: string): Promise<void>;
  /** Asks the coordinator to flush now. */
  requestFlush(): Promise<void>;
}

/** A feed's connection as its session needs it. */
export interface FeedPeer {
  reply(...replies: readonly FeedReply[]): void;
  /** Back-pressure: pauses or resumes reading from the feed. Called on each change, repeats included. */
  setReading(isReading: boolean): void;
}

/** Window of one feed: at most so much of it is taken and not committed. */
export interface FeedLimits {
  readonly windowFrames: number;
  readonly windowTicks: number;
}

/** Counters of ingest. */
export interface IngestObserver {
  onAccepted(ticks: number, frames: number): void;
  onRejected(reason: string): void;
  onReopen(reason: ReopenReason): void;
}
