import type { CodecName } from '../protocol/version.ts';

const TEXT = 0x81;
const BINARY = 0x82;
const BRACKETS = 2;

/** A whole unmasked WebSocket message in one piece, so that many sockets can be given the same bytes. */
export function webSocketFrame(payload: Buffer, codec: CodecName): Buffer {
  const headerLength = headerLengthFor(payload.length);
  const frame = Buffer.allocUnsafe(headerLength + payload.length);
  writeHeader(frame, payload.length, codec);
  frame.set(payload, headerLength);
  return frame;
}

/**
 * A frame whose payload is an array.
 * @param count elements in `bodies` together
 * @param bodies elements in the codec's form; in JSON with commas between those of one body
 */
export function arrayFrame(codec: CodecName, count: number, bodies: readonly Buffer[]): Buffer {
  const bodyLength = bodies.reduce((sum, body) => sum + body.length, 0);
  const overhead = codec === 'json' ? BRACKETS + bodies.length - 1 : arrayHeaderLength(count);
  const length = bodyLength + overhead;
  const frame = Buffer.allocUnsafe(headerLengthFor(length) + length);
  let at = writeHeader(frame, length, codec);
  if (codec === 'msgpack') at = writeArrayHeader(frame, at, count);
  bodies.forEach((body, index) => {
    if (codec === 'json') frame[at++] = index === 0 ? 0x5b : 0x2c;
    frame.set(body, at);
    at += body.length;
  });
  if (codec === 'json') frame[at] = 0x5d;
  return frame;
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

function arrayHeaderLength(count: number): number {
  if (count < 16) return 1;
  return count < 0x10000 ? 3 : 5;
}

function writeArrayHeader(frame: Buffer, at: number, count: number): number {
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
