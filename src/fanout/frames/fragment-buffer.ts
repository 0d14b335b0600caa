import { grown } from '../../base/growable-columns.ts';
import type { RowList } from '../../base/row-list.ts';
import type { OutgoingTick } from '../../market/last-prices.ts';
import type { MinuteBar } from '../../market/minute-bar.ts';
import { type ArrayFrame, COMMA, openArrayFrame, separatorLength } from '../../protocol/array-frame.ts';
import type { CodecName } from '../../protocol/version.ts';
import { type FragmentWriter, fragmentWriter } from './fragment-writer.ts';

const INITIAL_SLOTS = 64;
const NOT_WRITTEN = -1;
/** Bound here for speed, as in two-32.ts. */
const SEPARATOR: number = COMMA;
/** Word-copy limit: a fragment up to this length, as a tick is, is copied faster word by word than by a call. */
const MAX_LOOP_BYTES = 128;
const WORD_BYTES = 4;

/**
 * Fragment buffer: messages of one codec, each encoded once into one arena and known by its slot. Frames are put
 * together from slots, so that a tick is encoded once however many dashboards get it.
 */
export class FragmentBuffer {
  readonly codec: CodecName;
  readonly #writer: FragmentWriter;
  readonly #separator: 0 | 1;
  #starts: Int32Array = new Int32Array(INITIAL_SLOTS);
  #ends: Int32Array = new Int32Array(INITIAL_SLOTS);
  #slots = 0;

  constructor(codec: CodecName) {
    this.codec = codec;
    this.#writer = fragmentWriter(codec);
    this.#separator = separatorLength(codec);
  }

  /** Number of slots, written or not. */
  get slots(): number {
    return this.#slots;
  }

  clear(): void {
    this.#slots = 0;
    this.#writer.reset();
  }

  /** Makes slots up to `count`; new ones are not written. */
  reserve(count: number): void {
    if (count > this.#starts.length) {
      this.#starts = grown(this.#starts, count * 2);
      this.#ends = grown(this.#ends, count * 2);
    }
    if (count <= this.#slots) return;
    this.#starts.fill(NOT_WRITTEN, this.#slots, count);
    this.#slots = count;
  }

  isWritten(slot: number): boolean {
    return slot < this.#slots && this.#starts[slot] !== NOT_WRITTEN;
  }

  /** `T` is `t` (a trade) or `last` (of a snapshot). */
  writeTick(slot: number, type: 't' | 'last', tick: OutgoingTick): void {
    this.#begin(slot);
    this.#writer.tick(type, tick);
    this.#ends[slot] = this.#writer.length - this.#separator;
  }

  /** `T` is `b` (a minute is over) or `u` (it changed afterwards). */
  writeBar(slot: number, type: 'b' | 'u', bar: MinuteBar): void {
    this.#begin(slot);
    this.#writer.bar(type, bar);
    this.#ends[slot] = this.#writer.length - this.#separator;
  }

  /** A frame of these slots, all of them written, in their order; `tail` is one more element behind them. */
  frame(slots: RowList, tail?: Buffer): ArrayFrame {
    const starts = this.#starts;
    const ends = this.#ends;
    let bodyLength = Math.max(0, this.#separator * (slots.length - 1));
    for (let index = 0; index < slots.length; index++) {
      const slot = slots.at(index);
      bodyLength += (ends[slot] ?? 0) - (starts[slot] ?? 0);
    }
    const frame = openArrayFrame(this.codec, bodyLength, slots.length, tail);
    const { bytes } = frame;
    const target = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const source = this.#writer;
    let at = frame.bodyStart;
    for (let index = 0; index < slots.length; index++) {
      if (this.#separator === 1 && index > 0) bytes[at++] = SEPARATOR;
      const slot = slots.at(index);
      const start = starts[slot] ?? 0;
      const end = ends[slot] ?? 0;
      if (end - start > MAX_LOOP_BYTES) source.bytes.copy(bytes, at, start, end);
      else copyWords(source.view, start, end, target, at);
      at += end - start;
    }
    return frame;
  }

  /** A frame of the slots from `from` up to `to`, at least one, which were written one after the other. */
  rangeFrame(from: number, to: number, tail?: Buffer): ArrayFrame {
    const start = this.#starts[from] ?? 0;
    const end = this.#ends[to - 1] ?? 0;
    const frame = openArrayFrame(this.codec, end - start, to - from, tail);
    this.#writer.bytes.copy(frame.bytes, frame.bodyStart, start, end);
    return frame;
  }

  /** Frames of all slots, which were written one after the other, of at most `maxElements` each; `tail` ends the last. */
  allFrames(maxElements: number, tail?: Buffer): ArrayFrame[] {
    const frames: ArrayFrame[] = [];
    for (let from = 0; from < this.#slots; from += maxElements) {
      const to = Math.min(this.#slots, from + maxElements);
      frames.push(this.rangeFrame(from, to, to === this.#slots ? tail : undefined));
    }
    return frames;
  }

  #begin(slot: number): void {
    if (slot >= this.#slots) this.reserve(slot + 1);
    this.#starts[slot] = this.#writer.length;
  }
}

function copyWords(source: DataView, start: number, end: number, target: DataView, at: number): void {
  let from = start;
  let to = at;
  for (; from + WORD_BYTES <= end; from += WORD_BYTES, to += WORD_BYTES) {
    target.setUint32(to, source.getUint32(from, true), true);
  }
  for (; from < end; from++, to++) target.setUint8(to, source.getUint8(from));
}
