import { Fifo } from '../../base/fifo.ts';
import type { RawLiveEntry } from '../../stream/live-message.ts';

/** Bytes that an entry takes beside its data. */
const OVERHEAD_BYTES = 256;

interface KeptEntry extends Omit<RawLiveEntry, 'data'> {
  /** Where its bytes begin, counted from the first byte ever kept; modulo the ring's length, where they lie. */
  readonly start: number;
  readonly length: number;
}

/**
 * Ring buffer of the newest live entries, without a gap between them and bounded by bytes: dashboards that come back
 * after a moment are served from here. Bytes are copied into memory of fixed size: messages kept for seconds would be
 * moved out of the young generation, and dead ones would pile up until the next full collection.
 */
export class RecentEntries {
  readonly #maxBytes: number;
  /** Made with the first entry. */
  #ring = Buffer.alloc(0);
  #written = 0;
  readonly #entries = new Fifo<KeptEntry>();
  #lastSeq = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push({ id, liveSeq, shownUpTo, data }: RawLiveEntry): void {
    if (this.#entries.length > 0 && liveSeq !== this.#lastSeq + 1) this.clear();
    const start = this.#allocate(data.length);
    const overwrittenUpTo = start + data.length - this.#ring.length;
    while ((this.#entries.at(0)?.start ?? Number.POSITIVE_INFINITY) < overwrittenUpTo) this.#dropOldest();
    data.copy(this.#ring, start % this.#ring.length);
    this.#written = start + data.length;
    this.#entries.push({ id, liveSeq, shownUpTo, start, length: data.length });
    this.#lastSeq = liveSeq;
    this.#bytes += data.length + OVERHEAD_BYTES;
    while (this.#bytes > this.#maxBytes && this.#entries.length > 1) this.#dropOldest();
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** Whether the entry after number `liveSeq` is here. */
  has(liveSeq: number): boolean {
    const first = this.#entries.at(0);
    return first !== undefined && liveSeq + 1 >= first.liveSeq && liveSeq < this.#lastSeq;
  }

  /**
   * Entries after number `liveSeq`, up to about `maxBytes` of them, as copies.
   * @returns undefined where the first of them is not here any more
   */
  after(liveSeq: number, maxBytes: number): readonly RawLiveEntry[] | undefined {
    const first = this.#entries.at(0);
    if (first === undefined || liveSeq + 1 < first.liveSeq) return undefined;
    const found: RawLiveEntry[] = [];
    let bytes = 0;
    for (let at = liveSeq + 1 - first.liveSeq; at < this.#entries.length && bytes < maxBytes; at++) {
      const kept = this.#entries.at(at);
      if (kept === undefined) continue;
      bytes += kept.length + OVERHEAD_BYTES;
      found.push({ id: kept.id, liveSeq: kept.liveSeq, shownUpTo: kept.shownUpTo, data: this.#copyOf(kept) });
    }
    return found;
  }

  #dropOldest(): void {
    this.#bytes -= (this.#entries.shift()?.length ?? 0) + OVERHEAD_BYTES;
  }

  /** Start of so many bytes: behind the last ones, or at the ring's beginning where they would reach over its end. */
  #allocate(length: number): number {
    if (this.#ring.length === 0 || length > this.#ring.length) {
      this.clear();
      this.#ring = Buffer.allocUnsafeSlow(Math.max(length, this.#maxBytes));
      this.#written = 0;
    }
    const offset = this.#written % this.#ring.length;
    return offset + length > this.#ring.length ? this.#written + this.#ring.length - offset : this.#written;
  }

  #copyOf({ start, length }: KeptEntry): Buffer {
    const offset = start % this.#ring.length;
    return Buffer.from(this.#ring.subarray(offset, offset + length));
  }
}
