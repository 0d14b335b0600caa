import type { FlushNotice } from '../protocol/flush-notice.ts';
import type { CodecName } from '../protocol/version.ts';
import type { TickWish } from './cohorts.ts';
import type { DropReason } from './fanout-ports.ts';
import type { LiveOutbox } from './live-outbox.ts';
import type { SymbolFilter } from './symbol-filter.ts';

/** A dashboard's connection as the hub needs it. */
export interface LiveSubscriber {
  readonly codec: CodecName;
  readonly outbox: LiveOutbox;
  readonly tickWish: TickWish;
  readonly bars: SymbolFilter;
  readonly updatedBars: SymbolFilter;
  /** The same text for the same `bars` and `updatedBars`. */
  readonly barKey: string;
  /** Whether it gets live ticks: what is missed live is missed by it. */
  readonly isFollowing: boolean;
  readonly isClosed: boolean;
  sendControl(frame: Buffer): void;
  tellFlush(notice: FlushNotice): void;
  /** Says that ticks accepted in this time (milliseconds since the epoch) were not and will not be sent. */
  tellGap(reason: DropReason, fromMs: number | undefined, toMs: number, dropped?: number): void;
  /** Says where it stands, if it asked for positions and has got everything up to there. */
  tellPosition(): void;
  /** It does not read: 407 and the end. */
  cutSlow(): void;
}
