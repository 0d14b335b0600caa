import type { LastTick } from '../market/last-tick.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import type { GapReason } from '../protocol/live-reply.ts';

/** Port to the store: prices for snapshots, bars for the minutes under way. */
export interface LivePrices {
  /** The last stored tick of each of `symbols`, or of all. */
  lastTicks(symbols?: readonly string[]): Promise<readonly LastTick[]>;
  /** Every stored bar from this minute on. */
  barsSince?(minuteMicros: number): Promise<readonly MinuteBar[]>;
}

/** Observations of fan-out, for metrics. */
export interface FanoutObserver {
  /** Ticks written to sockets: deliveries (a tick counts once a dashboard), frames, bytes. */
  onSent?(deliveries: number, frames: number, bytes: number): void;
  /** Fan-out latency: from the acceptance of a frame's oldest tick to its write, for so many deliveries. */
  onLatency?(latencyMs: number, deliveries: number): void;
  onDropped?(reason: GapReason, deliveries: number): void;
  /** A gap was sent to one dashboard. */
  onGap?(reason: GapReason): void;
  /** Entries read from the stream because pub/sub did not bring them. */
  onFilled?(entries: number): void;
  /** A dashboard resumed: from memory, from the stream, or not at all. */
  onResume?(from: 'memory' | 'stream' | 'nothing'): void;
}

/** Port to one WebSocket. Frames are whole: header and payload. */
export interface LiveSocket {
  /** Bytes that wait in this process for the peer to read. */
  readonly bufferedAmount: number;
  /** Writes a pre-built frame, which may be shared by many sockets and must not change. */
  sendFrame(frame: Buffer): void;
  /** Reads nothing more from the peer, but what has been read, until {@link resume}. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  /** Cuts without waiting for the peer. */
  terminate(): void;
}
