import { randomBytes } from 'node:crypto';

/** A WebSocket frame, every part of which can be wrong. */
export interface FrameParts {
  readonly fin?: boolean;
  /** RSV1–3 as the bits 4, 2, 1. */
  readonly rsv?: number;
  readonly opcode?: number;
  readonly masked?: boolean;
  readonly payload?: Uint8Array;
  /** What the header claims instead of the payload's length. */
  readonly claims?: bigint;
  /** Width of the length field in bits, where not the shortest. */
  readonly lengthBits?: 7 | 16 | 64;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The bytes of one frame; a masked binary one with FIN where nothing else is said. */
export function frameBytes(parts: FrameParts = {}): Buffer {
  const payload = Buffer.from(parts.payload ?? new Uint8Array());
  const masked = parts.masked ?? true;
  const first = (parts.fin === false ? 0 : 0x80) | ((parts.rsv ?? 0) << 4) | (parts.opcode ?? OPCODE.binary);
  const length = lengthField(parts.claims ?? BigInt(payload.length), parts.lengthBits);
  length[0] = (length[0] ?? 0) | (masked ? 0x80 : 0);
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  if (masked) for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return Buffer.concat([Buffer.from([first]), length, mask, payload]);
}

function lengthField(value: bigint, bits: FrameParts['lengthBits']): Buffer {
  const width = bits ?? (value < 126n ? 7 : value < 65_536n ? 16 : 64);
  if (width === 7) return Buffer.from([Number(value)]);
  const field = Buffer.alloc(width === 16 ? 3 : 9);
  field[0] = width === 16 ? 126 : 127;
  if (width === 16) field.writeUInt16BE(Number(value), 1);
  else field.writeBigUInt64BE(value, 1);
  return field;
}

/** Payload of a close frame. */
export function closePayload(code: number, reason: Uint8Array | string = ''): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}
