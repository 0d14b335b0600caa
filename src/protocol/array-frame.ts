import type { CodecName } from './version.ts';

const TEXT = 0x81;
const BINARY = 0x82;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** Separator of the elements of a JSON array. */
export const COMMA = 0x2c;

/**
 * A whole unmasked WebSocket message (RFC 6455) whose payload is an array: many sockets can be given the same bytes.
 * In `bytes[bodyStart, bodyEnd)` stand `count` elements, which can go into other frames.
 */
export interface ArrayFrame {
  readonly bytes: Buffer;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly count: number;
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
 * Opens a frame: header, array header and end are written, the body is left to the caller.
 * @param bodyLength bytes of the body: `count` elements, with a separator between them in JSON
 * @param tail one more element behind the body, not counted in it
 */
export function openArrayFrame(codec: CodecName, bodyLength: number, count: number, tail?: Buffer): ArrayFrame {
  const separator = separatorLength(codec);
  const tailLength = tail === undefined ? 0 : tail.length + separator;
  const elements = tail === undefined ? count : count + 1;
  const length = bodyLength + tailLength + (codec === 'json' ? 2 : arrayHeaderLength(elements));
  const bytes = Buffer.allocUnsafe(headerLengthFor(length) + length);
  const bodyStart = openArray(bytes, writeHeader(bytes, length, codec), codec, elements);
  const bodyEnd = bodyStart + bodyLength;
  let at = bodyEnd;
  if (tail !== undefined) {
    if (separator === 1) bytes[at++] = COMMA;
    at += tail.copy(bytes, at);
  }
  if (codec === 'json') bytes[at] = CLOSE_BRACKET;
  return { bytes, bodyStart, bodyEnd, count };
}

/**
 * A frame of the bodies of other frames.
 * @param count elements that the bodies hold together
 * @param tail one more element behind them
 */
export function joinedFrame(codec: CodecName, bodies: readonly Buffer[], count: number, tail?: Buffer): ArrayFrame {
  const separator = separatorLength(codec);
  const bodyLength = bodies.reduce((sum, body) => sum + body.length, separator * (bodies.length - 1));
  const frame = openArrayFrame(codec, bodyLength, count, tail);
  let at = frame.bodyStart;
  for (const body of bodies) {
    if (separator === 1 && at > frame.bodyStart) frame.bytes[at++] = COMMA;
    at += body.copy(frame.bytes, at);
  }
  return frame;
}

/** Bytes between two elements of an array. */
export function separatorLength(codec: CodecName): 0 | 1 {
  return codec === 'json' ? 1 : 0;
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
