import { formatMicros } from '../market/tick.ts';
import { webSocketFrame } from './array-frame.ts';
import { ERROR_MESSAGES, type ErrorCode } from './error-codes.ts';
import { encodeReplies } from './reply-codec.ts';
import type { CodecName } from './version.ts';

/** Reason of a `gap`: see PROTOCOL.md, `/v1/live`. */
export type GapReason = 'slow' | 'resume' | 'buffer';

/** Age of a feed in a heartbeat. */
export interface FeedAge {
  readonly feed: string;
  /** Since its last accepted frame, milliseconds. */
  readonly ageMs: number;
}

/** Messages to a dashboard other than ticks and bars: those are written once for many dashboards. */
export type LiveReply =
  | { readonly T: 'success'; readonly msg: 'connected'; readonly v: number; readonly id: string }
  | { readonly T: 'success'; readonly msg: 'authenticated' }
  | { readonly T: 'error'; readonly code: ErrorCode; readonly msg: string }
  | ({ readonly T: 'subscription' } & Readonly<Record<string, unknown>>)
  | {
      readonly T: 'gap';
      readonly from?: WireTime;
      readonly to: WireTime;
      readonly reason: GapReason;
      readonly dropped?: number;
    }
  | { readonly T: 'flush'; readonly feed: string; readonly seq: number; readonly rows: number; readonly ms: number }
  | { readonly T: 'hb'; readonly t: WireTime; readonly id: string; readonly feeds: readonly FeedAge[] }
  | { readonly T: 'pos'; readonly at: string }
  | { readonly T: 'shutdown'; readonly reconnectAfterMs: number };

/** RFC 3339 text in JSON, a timestamp in msgpack. */
export type WireTime = string | Date;

export function wireTime(timeMs: number, codec: CodecName): WireTime {
  return codec === 'json' ? formatMicros(timeMs * 1_000) : new Date(timeMs);
}

/** Messages as one frame, ready for any socket of the codec. */
export function replyFrame(codec: CodecName, replies: readonly LiveReply[]): Buffer {
  const payload = encodeReplies(replies, codec);
  return webSocketFrame(typeof payload === 'string' ? Buffer.from(payload) : payload, codec);
}

export function liveError(code: ErrorCode, msg: string = ERROR_MESSAGES[code]): LiveReply {
  return { T: 'error', code, msg };
}
