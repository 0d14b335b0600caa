import type { CodecName } from '../../protocol/version.ts';
import { RowList } from './row-list.ts';

const TEXT = 0x81;
const BINARY = 0x82;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
/** A piece of this length, as a tick is, is copied faster word by word than by a call that makes an array of it. */
const MAX_LOOP_BYTES = 128;
const WORD_BYTES = 4;

/**
 * A whole unmasked WebSocket message in one piece, whose payload is an array: many sockets can be given the same bytes.
 * In `bytes[bodyStart, bodyEnd)` stand `count` elements, which can go into other frames.
 */
export interface ArrayFrame {
  readonly bytes: Buffer;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly count: number;
}

/** Bytes that frames are made of pieces of. */
export interface FrameSource {
  readonly bytes: Buffer;
  /** Of all of `bytes`. */
  readonly view: DataView;
}

export function frameSource(bytes: Buffer): FrameSource {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** A frame around one payload. */
export function webSocketFrame(payload: Buffer, codec: CodecName): Buffer {
  const headerLength = headerLengthFor(payload.length);
  const frame = Buffer.allocUnsafe(headerLength + payload.length);
  writeHeader(frame, payload.length, codec);
  frame.set(payload, headerLength);
  return frame;
}

/**
 * A frame of pieces of one buffer.
 * @param rows which pieces, by their index in `starts` and `ends`
 * @param count how many elements the pieces hold together
 * @param tail one more element behind them, not counted in the body
 */
export function arrayFrame(
  codec: CodecName,
  source: FrameSource,
  starts: ArrayLike<number>,
  ends: ArrayLike<number>,
  rows: RowList,
  count: number,
  tail?: Buffer,
): ArrayFrame {
  const separator = codec === 'json' ? 1 : 0;
  let bodyLength = separator * (rows.length - 1);
  for (let index = 0; index < rows.length; index++) {
    const row = rows.at(index);
    bodyLength += (ends[row] ?? 0) - (starts[row] ?? 0);
  }
  const tailLength = tail === undefined ? 0 : tail.length + separator;
  const elements = tail === undefined ? count : count + 1;
  const length = bodyLength + tailLength + (codec === 'json' ? 2 : arrayHeaderLength(elements));
  const bytes = Buffer.allocUnsafe(headerLengthFor(length) + length);
  const { view } = frameSource(bytes);
  const bodyStart = openArray(bytes, writeHeader(bytes, length, codec), codec, elements);
  let at = bodyStart;
  for (let index = 0; index < rows.length; index++) {
    const row = rows.at(index);
    if (at > bodyStart && separator === 1) bytes[at++] = COMMA;
    const start = starts[row] ?? 0;
    const end = ends[row] ?? 0;
    if (end - start > MAX_LOOP_BYTES) source.bytes.copy(bytes, at, start, end);
    else copyWords(source.view, start, end, view, at);
    at += end - start;
  }
  const bodyEnd = at;
  if (tail !== undefined) {
    if (separator === 1) bytes[at++] = COMMA;
    at += tail.copy(bytes, at);
  }
  if (codec === 'json') bytes[at] = CLOSE_BRACKET;
  return { bytes, bodyStart, bodyEnd, count };
}

function copyWords(source: DataView, start: number, end: number, target: DataView, at: number): void {
  let from = start;
  let to = at;
  for (; from + WORD_BYTES <= end; from += WORD_BYTES, to += WORD_BYTES) {
    target.setUint32(to, source.getUint32(from, true), true);
  }
  for (; from < end; from++, to++) target.setUint8(to, source.getUint8(from));
}

/** A frame of whole bodies, each of at least one element. */
export function joinedFrame(codec: CodecName, count: number, bodies: readonly Buffer[]): Buffer {
  const source = frameSource(Buffer.concat(bodies));
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const body of bodies) {
    starts.push(at);
    at += body.length;
    ends.push(at);
  }
  return arrayFrame(codec, source, starts, ends, RowList.range(0, bodies.length), count).bytes;
}

function headerLengthFor(length: number): number {
  if (length < 126) return 2;
  return length < 0x10000 ? 4 : 10;
}

function writeHeader(frame: Buffer, length: number, codec: CodecName): number {
  frame[0] = codec === 'json' ? TEXT : BINARY;
  if (length < 126) {
    frame[1] = length;
    return 2;
  }
  if (length < 0x10000) {
    frame[1] = 126;
    return frame.writeUInt16BE(length, 2);
  }
  frame[1] = 127;
  return frame.writeUInt32BE(length, frame.writeUInt32BE(0, 2));
}

function openArray(frame: Buffer, at: number, codec: CodecName, count: number): number {
  if (codec === 'json') {
    frame[at] = OPEN_BRACKET;
    return at + 1;
  }
  if (count < 16) {
    frame[at] = 0x90 | count;
    return at + 1;
  }
  if (count < 0x10000) {
    frame[at] = 0xdc;
    return frame.writeUInt16BE(count, at + 1);
  }
  frame[at] = 0xdd;
  return frame.writeUInt32BE(count, at + 1);
}

function arrayHeaderLength(count: number): number {
  if (count < 16) return 1;
  return count < 0x10000 ? 3 : 5;
}
