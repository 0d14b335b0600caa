import type { FlushNotice } from '../stream/flush-notice.ts';
import type { CodecName } from '../protocol/version.ts';
import type { DeliveryProfile } from './delivery/subscriber-groups.ts';
import type { DropReason } from './fanout-ports.ts';
import type { LiveOutbox } from './delivery/live-outbox.ts';
import type { SymbolFilter } from './symbol-filter.ts';

/** A dashboard's connection as the hub needs it. */
export interface LiveSubscriber {
  readonly codec: CodecName;
  readonly outbox: LiveOutbox;
  readonly deliveryProfile: DeliveryProfile;
  readonly bars: SymbolFilter;
  readonly updatedBars: SymbolFilter;
  /** The same text for the same `bars` and `updatedBars`. */
  readonly barKey: string;
  /** Whether it gets live ticks: what is missed live is missed by it. */
  readonly isFollowing: boolean;
  readonly isClosed: boolean;
  sendControl(frame: Buffer): void;
  sendFlush(notice: FlushNotice): void;
  /** Says that ticks accepted in this time (milliseconds since the epoch) were not and will not be sent. */
  sendGap(reason: DropReason, fromMs: number | undefined, toMs: number, dropped?: number): void;
  /** Says where it stands, if it asked for positions and has got everything up to there. */
  sendPosition(): void;
  /** It does not read: 407 and the end. */
  cutSlow(): void;
}
