import { Packr } from 'msgpackr';
import { ERROR_MESSAGES, type ErrorCode } from './error-codes.ts';
import type { RejectReason } from '../market/tick.ts';
import type { CodecName } from './version.ts';

/** Messages of the gateway to a feed. `T` comes first in each, and they travel in an array. */
export type FeedReply =
  | { readonly T: 'success'; readonly msg: 'connected'; readonly v: number; readonly id: string }
  | { readonly T: 'success'; readonly msg: 'authenticated' }
  | ErrorReply
  | OpenedReply
  | { readonly T: 'ack'; readonly seq: number }
  | { readonly T: 'ack'; readonly id: string | number | null }
  | { readonly T: 'committed'; readonly seq: number }
  | { readonly T: 'committed'; readonly id: string | number | null }
  | { readonly T: 'reopen'; readonly reason: string }
  | { readonly T: 'window'; readonly frames: number; readonly ticks: number }
  | { readonly T: 'shutdown'; readonly reconnectAfterMs: number };

export interface ErrorReply {
  readonly T: 'error';
  readonly code: ErrorCode;
  readonly msg: string;
  readonly seq?: number;
  readonly id?: string | number;
  readonly rejected?: ReadonlyArray<readonly [index: number, reason: RejectReason]>;
}

export interface OpenedReply {
  readonly T: 'opened';
  readonly feed: string;
  readonly accepted: number;
  readonly committed: number;
  readonly maxFrameBytes: number;
  readonly maxTicks: number;
  readonly windowFrames: number;
  readonly windowTicks: number;
}

/** Plain msgpack that any language reads: no records, integers beyond 32 bits as integers, not as floats. */
const msgpack = new Packr({ useRecords: false, variableMapSize: true, largeBigIntToFloat: false });

/** Encodes messages as the array that goes into one WebSocket message: text for JSON, bytes for msgpack. */
export function encodeReplies(replies: readonly object[], codec: CodecName): string | Buffer {
  return codec === 'json' ? JSON.stringify(replies) : Buffer.from(msgpack.pack(replies.map(withWideIntegers)));
}

/** msgpackr writes integers beyond 32 bits as floats; strict readers of other languages want integers. */
function withWideIntegers(reply: object): object {
  return Object.fromEntries(
    Object.entries(reply).map(([key, value]: [string, unknown]) =>
      typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) > 0xffffffff
        ? [key, BigInt(value)]
        : [key, value],
    ),
  );
}

export function errorReply(code: ErrorCode, msg: string = ERROR_MESSAGES[code]): ErrorReply {
  return { T: 'error', code, msg };
}
