import { ByteWriter } from '../../src/market/byte-writer.ts';
import { benchSymbol, priceOf, symbolNumberOf, type TickShape, timeMicrosOf, volumeOf } from './bench-ticks.ts';

const TWO_32 = 2 ** 32;
/** Every byte of the WebSocket mask. All four are the same, so that bytes can be changed wherever they lie. */
const MASK_BYTE = 0x5a;
const MASK_WORD = 0x5a5a5a5a;
const UINT64_TAG = 0xcf;
const ROW_TAG = 0x94;
const NO_BYTES = Buffer.alloc(8);

/**
 * A ring of frames, encoded and masked once as whole WebSocket messages that lie one behind the other, so that many go
 * out in one write and the sender costs next to nothing. Sequence numbers and times are of fixed width and are stamped
 * in before a frame is sent; symbols, prices and volumes repeat from round to round.
 */
export class FrameRing {
  readonly frameTicks: number;
  readonly slots: number;
  readonly #shape: TickShape;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** Where each slot begins; one more at the end. */
  readonly #starts: Int32Array;
  readonly #seqAt: Int32Array;
  readonly #timesAt: Int32Array;

  constructor(options: { readonly slots: number; readonly frameTicks: number; readonly shape: TickShape }) {
    const { slots, frameTicks, shape } = options;
    this.slots = slots;
    this.frameTicks = frameTicks;
    this.#shape = shape;
    this.#starts = new Int32Array(slots + 1);
    this.#seqAt = new Int32Array(slots);
    this.#timesAt = new Int32Array(slots * frameTicks);
    const all = new ByteWriter(slots * frameTicks * 32 + slots * 64);
    for (let slot = 0; slot < slots; slot++) {
      this.#starts[slot] = all.length;
      this.#writeMessage(all, slot);
    }
    this.#starts[slots] = all.length;
    this.#bytes = all.copy();
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  }

  /** Bytes of `frames` messages from the slot of frame `firstFrame` (from 0) on, stamped; they end with the ring. */
  take(firstFrame: number, maxFrames: number): { readonly bytes: Buffer; readonly frames: number } {
    const first = firstFrame % this.slots;
    const frames = Math.min(maxFrames, this.slots - first);
    for (let i = 0; i < frames; i++) this.#stamp(first + i, firstFrame + i);
    const bytes = this.#bytes.subarray(this.#starts[first], this.#starts[first + frames]);
    return { bytes, frames };
  }

  #stamp(slot: number, frame: number): void {
    const seqAt = this.#seqAt[slot] ?? 0;
    this.#stampUint64(seqAt, frame + 1);
    // prev: behind the eight bytes of seq, its key of five and its tag
    this.#stampUint64(seqAt + 14, frame);
    for (let i = 0; i < this.frameTicks; i++) {
      const at = this.#timesAt[slot * this.frameTicks + i] ?? 0;
      this.#stampUint64(at, timeMicrosOf(frame * this.frameTicks + i, this.#shape));
    }
  }

  #stampUint64(at: number, value: number): void {
    const high = Math.floor(value / TWO_32);
    this.#view.setUint32(at, high ^ MASK_WORD);
    this.#view.setUint32(at + 4, (value - high * TWO_32) ^ MASK_WORD);
  }

  #writeMessage(all: ByteWriter, slot: number): void {
    const body = new ByteWriter(this.frameTicks * 32 + 64);
    const text = (value: string): void => body.msgpackShortString(Buffer.from(value));
    const places: number[] = [];
    const uint64 = (): void => {
      body.byte(UINT64_TAG);
      places.push(body.length);
      body.raw(NO_BYTES);
    };
    body.msgpackSmallMapHeader(4);
    text('action');
    text('publish');
    text('seq');
    uint64();
    text('prev');
    uint64();
    text('ticks');
    body.msgpackArrayHeader(this.frameTicks);
    for (let i = 0; i < this.frameTicks; i++) {
      const tick = slot * this.frameTicks + i;
      body.byte(ROW_TAG);
      text(benchSymbol(symbolNumberOf(tick, this.#shape)));
      body.msgpackDouble(priceOf(tick));
      body.msgpackUint(volumeOf(tick));
      uint64();
    }
    const masked = body.copy();
    for (let at = 0; at < masked.length; at++) masked[at] = (masked[at] ?? 0) ^ MASK_BYTE;
    writeMaskedHeader(all, masked.length);
    const start = all.length;
    all.raw(masked);
    const [seq = 0, , ...times] = places;
    this.#seqAt[slot] = start + seq;
    this.#timesAt.set(
      times.map((place) => start + place),
      slot * this.frameTicks,
    );
  }
}

/** Header of a final binary message of a client; RFC 6455, section 5.2. */
export function writeMaskedHeader(out: ByteWriter, length: number, opcode = 2): void {
  out.byte(0x80 | opcode);
  if (length < 126) out.byte(0x80 | length);
  else if (length < 0x10000) {
    out.byte(0x80 | 126);
    out.byte(length >> 8);
    out.byte(length & 0xff);
  } else {
    out.byte(0x80 | 127);
    const wide = Buffer.alloc(8);
    wide.writeUInt32BE(length, 4);
    out.raw(wide);
  }
  out.raw(Buffer.alloc(4, MASK_BYTE));
}

/** One whole message of a client. */
export function maskedMessage(payload: Uint8Array, opcode = 2): Buffer {
  const out = new ByteWriter(payload.length + 16);
  writeMaskedHeader(out, payload.length, opcode);
  out.raw(payload.map((byte) => byte ^ MASK_BYTE));
  return out.copy();
}
