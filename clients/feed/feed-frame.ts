import { ByteWriter } from '../../src/market/byte-writer.ts';
import type { OutboxFrame } from '../../src/protocol/feed-outbox.ts';
import { DAY_MICROS, type Tick } from '../../src/market/tick.ts';

/** A frame with the message that carries it: encoded once, since a frame once sent never changes. */
export interface FeedFrame extends OutboxFrame {
  readonly message: Buffer;
}

const KEY_ACTION = Buffer.from('action');
const KEY_SEQ = Buffer.from('seq');
const KEY_PREV = Buffer.from('prev');
const KEY_TICKS = Buffer.from('ticks');
const KEY_TO = Buffer.from('to');
const KEY_NEXT = Buffer.from('next');
const PUBLISH = Buffer.from('publish');
const SKIP = Buffer.from('skip');
/** A frame spans at most 366 days; the gateway counts from the first tick in both directions. */
const MAX_SPAN_DAYS = 366;
const KEPT_OVERHEAD_BYTES = 160;

const writer = new ByteWriter(1 << 16);
const symbolBytes = new Map<string, Buffer>();
const MAX_KNOWN_SYMBOLS = 20_000;

/** Encodes a numbered frame. Plain msgpack, integers as integers. */
export function encodeFrame(seq: number, prev: number, ticks: readonly Tick[]): FeedFrame {
  writer.reset();
  writer.msgpackSmallMapHeader(4);
  writer.msgpackShortString(KEY_ACTION);
  writer.msgpackShortString(PUBLISH);
  writer.msgpackShortString(KEY_SEQ);
  writer.msgpackUint(seq);
  writer.msgpackShortString(KEY_PREV);
  writer.msgpackUint(prev);
  writer.msgpackShortString(KEY_TICKS);
  writer.msgpackArrayHeader(ticks.length);
  for (const tick of ticks) writeTick(tick);
  return keptFrame(seq, prev, ticks.length, writer.copy());
}

/** A frame from the message that carries it. */
export function keptFrame(seq: number, prev: number, ticks: number, message: Buffer): FeedFrame {
  return { seq, prev, ticks, bytes: message.length + KEPT_OVERHEAD_BYTES, skip: false, message };
}

/** Encodes the declaration of a gap: frames after `to` up to `next` cannot be supplied. */
export function encodeSkip(to: number, next: number): FeedFrame {
  writer.reset();
  writer.msgpackSmallMapHeader(3);
  writer.msgpackShortString(KEY_ACTION);
  writer.msgpackShortString(SKIP);
  writer.msgpackShortString(KEY_TO);
  writer.msgpackUint(to);
  writer.msgpackShortString(KEY_NEXT);
  writer.msgpackUint(next);
  const message = writer.copy();
  return { seq: next, prev: to, ticks: 0, bytes: message.length + KEPT_OVERHEAD_BYTES, skip: true, message };
}

/** At most this many bytes does a tick take on the wire. */
export function tickBytes(tick: Tick): number {
  return 1 + 5 + tick.symbol.length * 3 + 9 + 9 + 9;
}

/** Whether a tick may stand in a frame that begins with a tick of `firstMicros`. */
export function fitsSpan(firstMicros: number, timeMicros: number): boolean {
  return Math.abs(Math.floor(timeMicros / DAY_MICROS) - Math.floor(firstMicros / DAY_MICROS)) < MAX_SPAN_DAYS;
}

function writeTick(tick: Tick): void {
  writer.byte(0x94);
  const symbol = bytesOf(tick.symbol);
  if (symbol.length < 256) writer.msgpackShortString(symbol);
  else {
    writer.byte(0xda);
    writer.byte(symbol.length >> 8);
    writer.byte(symbol.length & 0xff);
    writer.raw(symbol);
  }
  writer.msgpackDouble(tick.price);
  // Other numbers go as they are: the gateway rejects them by name, and none is lost.
  if (Number.isSafeInteger(tick.volume) && tick.volume >= 0) writer.msgpackUint(tick.volume);
  else writer.msgpackDouble(tick.volume);
  if (Number.isSafeInteger(tick.timeMicros) && tick.timeMicros >= 0) writer.msgpackUint(tick.timeMicros);
  else writer.msgpackDouble(tick.timeMicros);
}

function bytesOf(symbol: string): Buffer {
  const known = symbolBytes.get(symbol);
  if (known !== undefined) return known;
  if (symbolBytes.size >= MAX_KNOWN_SYMBOLS) symbolBytes.clear();
  const bytes = Buffer.from(symbol, 'utf8').subarray(0, 0xffff);
  symbolBytes.set(symbol, bytes);
  return bytes;
}
