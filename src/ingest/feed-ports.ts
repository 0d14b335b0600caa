import type { AppendRequest, AppendResult } from '../stream/append-request.ts';
import type { FeedReply } from '../protocol/reply-codec.ts';
import type { ReopenReason } from './reopen-reason.ts';

/** The buffer as feeds need it. */
export interface AppendBuffer {
  append(request: AppendRequest): Promise<AppendResult>;
  release(feed: string, session: string): Promise<void>;
  /** Asks the coordinator to flush now. */
  requestFlush(): Promise<void>;
}

/** A feed's connection as a session needs it. */
export interface FeedPeer {
  reply(...replies: readonly FeedReply[]): void;
  /** Stops, or goes on, reading from the feed: back-pressure. */
  setReading(isReading: boolean): void;
}

export interface FeedLimits {
  readonly windowFrames: number;
  readonly windowTicks: number;
}

/** What ingest counts. */
export interface IngestObserver {
  onAccepted(ticks: number, frames: number): void;
  onRejected(reason: string): void;
  onReopen(reason: ReopenReason): void;
}
