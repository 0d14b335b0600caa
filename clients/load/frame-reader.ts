import { TWO_32 } from '../../src/base/two-32.ts';

/** Opcodes of RFC 6455, section 5.2. */
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;

/** Frame that a load test does not read: compressed, fragmented, masked or oversized. */
export class UnreadableFrameError extends Error {
  override readonly name = 'UnreadableFrameError';
}

/**
 * Takes a server's WebSocket frames out of a stream of bytes without copying those that come whole. For load tests:
 * thousands of connections, each with a hundred small frames a second.
 */
export class FrameReader {
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | undefined;

  /**
   * @param bytes are not kept
   * @param onFrame payloads are views that are valid during the call
   * @throws {UnreadableFrameError}
   */
  read(bytes: Buffer, onFrame: (opcode: number, payload: Buffer) => void): void {
    const source = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#rest = undefined;
    let at = 0;
    while (at + 2 <= source.length) {
      const first = source[at] ?? 0;
      const second = source[at + 1] ?? 0;
      if ((first & FIN) === 0 || (first & RESERVED) !== 0) throw new UnreadableFrameError('fragmented or compressed');
      if ((second & MASKED) !== 0) throw new UnreadableFrameError('masked by a server');
      const start = at + (second < 126 ? 2 : second === 126 ? 4 : 10);
      if (start > source.length) break;
      const end = start + payloadLength(source, at, second);
      if (end - start > MAX_FRAME_BYTES) throw new UnreadableFrameError(`${end - start} bytes in one frame`);
      if (end > source.length) break;
      onFrame(first & 0x0f, source.subarray(start, end));
      at = end;
    }
    if (at < source.length) this.#rest = Buffer.from(source.subarray(at));
  }
}

function payloadLength(source: Buffer, at: number, second: number): number {
  if (second < 126) return second;
  if (second === 126) return source.readUInt16BE(at + 2);
  return source.readUInt32BE(at + 2) * TWO_32 + source.readUInt32BE(at + 6);
}

/** A client's frame, masked. @param mask four random bytes */
export function clientFrame(opcode: number, payload: Buffer, mask: Buffer): Buffer {
  const length = payload.length;
  const header = length < 126 ? Buffer.alloc(2) : length < 0x10000 ? Buffer.alloc(4) : Buffer.alloc(10);
  header[0] = FIN | opcode;
  if (length < 126) header[1] = MASKED | length;
  else if (length < 0x10000) {
    header[1] = MASKED | 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = MASKED | 127;
    header.writeUInt32BE(length, 6);
  }
  const masked = Buffer.from(payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0)));
  return Buffer.concat([header, mask, masked]);
}
