import type { SymbolFilter } from '../market/symbol-filter.ts';
import type { GapReason } from '../protocol/live-reply.ts';
import type { CodecName } from '../protocol/version.ts';
import type { FlushNotice } from '../stream/flush-notice.ts';
import type { LiveOutbox } from './delivery/live-outbox.ts';
import type { DeliveryProfile } from './delivery/subscriber-groups.ts';

/** Port to a dashboard's connection, for the hub. */
export interface LiveSubscriber {
  /** Name of its token: work that is done in turns goes round the owners. */
  readonly owner: string;
  readonly codec: CodecName;
  readonly outbox: LiveOutbox;
  /** Profile of its live ticks. */
  readonly deliveryProfile: DeliveryProfile;
  readonly bars: SymbolFilter;
  readonly updatedBars: SymbolFilter;
  /** Equal exactly for equal `bars` and `updatedBars`; empty where both are. */
  readonly barKey: string;
  /** Whether heartbeats tell it the names of feeds. */
  readonly maySeeFeeds: boolean;
  /** Whether it gets live ticks, and must be told of those missed. */
  readonly isFollowing: boolean;
  /** Whether a resume or a snapshot must come first: it joins the live ticks after that. */
  readonly isCatchingUp: boolean;
  readonly isClosed: boolean;
  sendControl(frame: Buffer): void;
  sendFlush(notice: FlushNotice): void;
  /** Says that ticks accepted in this time (milliseconds since the epoch) were not and will not be sent. */
  sendGap(reason: GapReason, fromMs: number | undefined, toMs: number, dropped?: number): void;
  /** Sends its position, if it asked for positions and has got everything up to there. */
  sendPosition(): void;
  /** Closes it as slow (407): it does not read. */
  cutSlow(): void;
}
