import type { LastTick } from '../market/last-tick.ts';
import type { MinuteBar } from '../market/minute-bar.ts';

/** An entry of the Redis Stream as this stage needs it; see buffer/stream-reader.ts. */
export interface TailEntry {
  readonly id: string;
  /** See stream/stream-entry.ts. */
  readonly data: Buffer;
  /** Frames of it with seq ≤ published had been shown before. */
  readonly shownUpTo: number;
  /** Number among the stream's shown entries, from 1; 0 for an entry that is not shown. */
  readonly liveSeq: number;
}

/** Entries after an id, read atomically with the identity of their stream. */
export interface TailPage {
  /** Run id of the Redis server. */
  readonly run: string;
  /** Undefined where there is no stream. */
  readonly streamId: string | undefined;
  readonly entries: readonly TailEntry[];
  /** Number of the newest entry ever shown in this stream. */
  readonly liveSeq: number;
}

/** The Redis Stream, for what pub/sub did not bring. */
export interface StreamTail {
  /** At most `maxEntries` entries after the id (undefined: from the start). Rejects while Redis is away. */
  read(after: string | undefined, maxEntries: number): Promise<TailPage>;
}

/** What is stored, for snapshots and for bars of the minutes under way. */
export interface LivePrices {
  /** The last stored tick of each of `symbols`, or of all. */
  lastTicks(symbols?: readonly string[]): Promise<readonly LastTick[]>;
  /** Every stored bar from this minute on. */
  barsSince?(minuteMicros: number): Promise<readonly MinuteBar[]>;
}

/** Why ticks did not reach a dashboard. */
export type DropReason = 'slow' | 'resume' | 'buffer';

/** What fan-out tells about itself, for metrics. */
export interface FanoutObserver {
  /** Ticks handed to sockets: how many times, in how many frames, of how many bytes. */
  onSent?(deliveries: number, frames: number, bytes: number): void;
  /** From the oldest tick of a frame accepted to handed to sockets, for so many deliveries. */
  onLatency?(latencyMs: number, deliveries: number): void;
  onDropped?(reason: DropReason, deliveries: number): void;
  /** A gap was told to one dashboard. */
  onGap?(reason: DropReason): void;
  /** Entries read from the stream because pub/sub did not bring them. */
  onFilled?(entries: number): void;
  /** A dashboard resumed: from memory, from the stream, or not at all. */
  onResume?(from: 'memory' | 'stream' | 'nothing'): void;
}

/** One WebSocket as this stage needs it. Frames are whole: header and payload. */
export interface LiveSocket {
  /** Bytes that wait in this process for the peer to read. */
  readonly bufferedAmount: number;
  /** Writes a pre-built frame, which may be shared by many sockets and must not change. */
  sendFrame(frame: Buffer): void;
  close(code: number, reason: string): void;
  /** Cuts without waiting for the peer. */
  terminate(): void;
}
