import { TWO_32 } from '../base/two-32.ts';
import { BadFrameError } from './bad-frame-error.ts';

const MAX_SKIP_DEPTH = 4;
const MAX_SHORT_TEXT_BYTES = 4_096;

/** Seconds since the epoch and nanoseconds of a msgpack timestamp (extension type −1), as microseconds. */
export function timestampMicros(seconds: number, nanoseconds: number): number {
  return seconds * 1e6 + Math.floor(nanoseconds / 1000);
}

/**
 * Pull parser of msgpack, directed by a schema. Nothing is built from the claims of a message: a header that promises
 * 2^32 elements costs nothing until the elements are there.
 *
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 * @throws {BadFrameError} from every method, where the next bytes are of another type.
 */
export class MsgpackReader {
  readonly bytes: Buffer;
  readonly view: DataView;
  pos = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get atEnd(): boolean {
    return this.pos >= this.bytes.length;
  }

  /** The first byte of the next value, not consumed. */
  peek(): number {
    const byte = this.bytes[this.pos];
    if (byte === undefined) throw new BadFrameError('message ends too early');
    return byte;
  }

  mapHeader(): number {
    const byte = this.peek();
    this.pos += 1;
    if ((byte & 0xf0) === 0x80) return byte & 0x0f;
    if (byte === 0xde) return this.#uint(2);
    if (byte === 0xdf) return this.#uint(4);
    throw new BadFrameError('a map was expected');
  }

  arrayHeader(): number {
    const byte = this.peek();
    this.pos += 1;
    if ((byte & 0xf0) === 0x90) return byte & 0x0f;
    if (byte === 0xdc) return this.#uint(2);
    if (byte === 0xdd) return this.#uint(4);
    throw new BadFrameError('an array was expected');
  }

  text(): string {
    const length = this.#textLength();
    if (length > MAX_SHORT_TEXT_BYTES) throw new BadFrameError('a text is too long');
    const end = this.#take(length);
    const value = this.bytes.toString('utf8', end - length, end);
    if (value.includes('\u{fffd}')) throw new BadFrameError('a text is not UTF-8');
    return value;
  }

  number(): number {
    const byte = this.peek();
    if (!isNumberByte(byte)) throw new BadFrameError('a number was expected');
    return this.#number(byte);
  }

  boolean(): boolean {
    const byte = this.peek();
    if (byte !== 0xc2 && byte !== 0xc3) throw new BadFrameError('true or false was expected');
    this.pos += 1;
    return byte === 0xc3;
  }

  /** A text or a number. */
  scalar(): string | number {
    return isNumberByte(this.peek()) ? this.number() : this.text();
  }

  /** Consumes a nil if one is next. */
  nil(): boolean {
    if (this.peek() !== 0xc0) return false;
    this.pos += 1;
    return true;
  }

  /** Passes over any one value without building it. */
  skip(depth: number = MAX_SKIP_DEPTH): void {
    const byte = this.peek();
    if (isNumberByte(byte)) this.#number(byte);
    else if (isTextByte(byte)) this.#take(this.#textLength());
    else if (byte === 0xc0 || byte === 0xc2 || byte === 0xc3) this.pos += 1;
    else if ((byte & 0xf0) === 0x90 || byte === 0xdc || byte === 0xdd) this.#skipMany(this.arrayHeader(), depth);
    else if ((byte & 0xf0) === 0x80 || byte === 0xde || byte === 0xdf) this.#skipMany(this.mapHeader() * 2, depth);
    else if (this.isTimestamp()) this.timestampMicros();
    else throw new BadFrameError('a type that this protocol does not use');
  }

  /** Whether the next value is a msgpack timestamp (extension type −1 of 4, 8 or 12 bytes). */
  isTimestamp(): boolean {
    const byte = this.peek();
    const typeAt = byte === 0xd6 || byte === 0xd7 ? this.pos + 1 : byte === 0xc7 ? this.pos + 2 : -1;
    if (typeAt < 0 || this.bytes[typeAt] !== 0xff) return false;
    return byte !== 0xc7 || this.bytes[this.pos + 1] === 12;
  }

  timestampMicros(): number {
    const byte = this.peek();
    if (byte === 0xd6) {
      const end = this.#take(6);
      return timestampMicros(this.view.getUint32(end - 4), 0);
    }
    if (byte === 0xd7) {
      const end = this.#take(10);
      const high = this.view.getUint32(end - 8);
      return timestampMicros((high & 3) * TWO_32 + this.view.getUint32(end - 4), high >>> 2);
    }
    const end = this.#take(15);
    const seconds = this.view.getInt32(end - 8) * TWO_32 + this.view.getUint32(end - 4);
    return timestampMicros(seconds, this.view.getUint32(end - 12));
  }

  #skipMany(count: number, depth: number): void {
    if (depth <= 0) throw new BadFrameError('nested too deeply');
    // Every element takes a byte at least: a claim beyond the message is refused before the loop.
    if (count > this.bytes.length - this.pos) throw new BadFrameError('message ends too early');
    for (let i = 0; i < count; i++) this.skip(depth - 1);
  }

  #textLength(): number {
    const byte = this.peek();
    this.pos += 1;
    if ((byte & 0xe0) === 0xa0) return byte & 0x1f;
    if (byte === 0xd9) return this.#uint(1);
    if (byte === 0xda) return this.#uint(2);
    if (byte === 0xdb) return this.#uint(4);
    throw new BadFrameError('a text was expected');
  }

  #number(byte: number): number {
    this.pos += 1;
    if (byte < 0x80) return byte;
    if (byte >= 0xe0) return byte - 256;
    switch (byte) {
      case 0xca:
        return this.view.getFloat32(this.#take(4) - 4);
      case 0xcb:
        return this.view.getFloat64(this.#take(8) - 8);
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf: {
        const end = this.#take(8);
        return this.view.getUint32(end - 8) * TWO_32 + this.view.getUint32(end - 4);
      }
      case 0xd0:
        return this.view.getInt8(this.#take(1) - 1);
      case 0xd1:
        return this.view.getInt16(this.#take(2) - 2);
      case 0xd2:
        return this.view.getInt32(this.#take(4) - 4);
      default: {
        const end = this.#take(8);
        return this.view.getInt32(end - 8) * TWO_32 + this.view.getUint32(end - 4);
      }
    }
  }

  #uint(byteCount: 1 | 2 | 4): number {
    const at = this.#take(byteCount) - byteCount;
    if (byteCount === 1) return this.view.getUint8(at);
    return byteCount === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  #take(count: number): number {
    const end = this.pos + count;
    if (end > this.bytes.length) throw new BadFrameError('message ends too early');
    this.pos = end;
    return end;
  }
}

function isNumberByte(byte: number): boolean {
  return byte < 0x80 || byte >= 0xe0 || (byte >= 0xca && byte <= 0xd3);
}

function isTextByte(byte: number): boolean {
  return (byte & 0xe0) === 0xa0 || (byte >= 0xd9 && byte <= 0xdb);
}
