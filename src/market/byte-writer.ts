import { TWO_32 } from '../base/two-32.ts';

/** Bound here for speed, see two-32.ts. */
const HIGH_UNIT: number = TWO_32;

const INITIAL_BYTES = 1 << 14;

/** A growing byte buffer with the few encodings the wire formats need. Pure; reused between messages by `reset()`. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** View of the bytes written, valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of the bytes written, safe to keep. */
  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  raw(source: Uint8Array, start = 0, end: number = source.length): void {
    const count = end - start;
    this.#reserve(count);
    this.#bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.#length);
    this.#length += count;
  }

  /** Unsigned LEB128; exact up to 2^53 − 1. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Varint length, then UTF-8. */
  text(value: string): void {
    const encoded = Buffer.from(value, 'utf8');
    this.varint(encoded.length);
    this.raw(encoded);
  }

  msgpackArrayHeader(length: number): void {
    if (length < 16) return this.byte(0x90 | length);
    this.#reserve(5);
    if (length < 0x10000) {
      this.#bytes[this.#length] = 0xdc;
      this.#length = this.#bytes.writeUInt16BE(length, this.#length + 1);
    } else {
      this.#bytes[this.#length] = 0xdd;
      this.#length = this.#bytes.writeUInt32BE(length, this.#length + 1);
    }
  }

  /** A msgpack map header of fewer than 16 pairs. */
  msgpackSmallMapHeader(pairs: number): void {
    this.byte(0x80 | pairs);
  }

  /** A msgpack string of at most 255 bytes. */
  msgpackShortString(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const length = end - start;
    if (length < 32) this.byte(0xa0 | length);
    else {
      this.byte(0xd9);
      this.byte(length);
    }
    this.raw(bytes, start, end);
  }

  msgpackDouble(value: number): void {
    this.#reserve(9);
    this.#bytes[this.#length] = 0xcb;
    this.#length = this.#bytes.writeDoubleBE(value, this.#length + 1);
  }

  /** A non-negative safe integer in its shortest msgpack form. */
  msgpackUint(value: number): void {
    this.#reserve(9);
    const at = this.#length;
    if (value < 0x80) {
      this.#bytes[at] = value;
      this.#length = at + 1;
    } else if (value < 0x10000) {
      this.#bytes[at] = 0xcd;
      this.#length = this.#bytes.writeUInt16BE(value, at + 1);
    } else if (value < HIGH_UNIT) {
      this.#bytes[at] = 0xce;
      this.#length = this.#bytes.writeUInt32BE(value, at + 1);
    } else {
      this.#bytes[at] = 0xcf;
      this.#bytes.writeUInt32BE(Math.floor(value / HIGH_UNIT), at + 1);
      this.#length = this.#bytes.writeUInt32BE(value % HIGH_UNIT, at + 5);
    }
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
