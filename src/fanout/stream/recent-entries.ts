import type { RawLiveEntry } from './live-sequence.ts';

/** What an entry takes beside its bytes. */
const OVERHEAD_BYTES = 256;

interface KeptEntry extends Omit<RawLiveEntry, 'data'> {
  /** Where its bytes begin, counted from the first byte ever kept; modulo the ring's length, where they lie. */
  readonly start: number;
  readonly length: number;
}

/**
 * The newest shown entries, without a hole between them, bounded by bytes: dashboards that come back after a moment are
 * served from here. Their bytes are copied into a ring of fixed size: a message that were kept for seconds would be
 * moved out of the young generation, and the memory of dead ones would pile up until the next full collection.
 */
export class RecentEntries {
  readonly #maxBytes: number;
  /** Made with the first entry. */
  #ring = Buffer.alloc(0);
  #written = 0;
  #entries: Array<KeptEntry | undefined> = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push({ id, liveSeq, shownUpTo, data }: RawLiveEntry): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && liveSeq !== last.liveSeq + 1) this.clear();
    const start = this.#allocate(data.length);
    while (this.#oldest !== undefined && this.#oldest.start < start + data.length - this.#ring.length)
      this.#dropOldest();
    data.copy(this.#ring, start % this.#ring.length);
    this.#written = start + data.length;
    this.#entries.push({ id, liveSeq, shownUpTo, start, length: data.length });
    this.#bytes += data.length + OVERHEAD_BYTES;
    while (this.#bytes > this.#maxBytes && this.#head < this.#entries.length - 1) this.#dropOldest();
    // Cutting the front of an array is linear: done when half of it is dead.
    if (this.#head * 2 <= this.#entries.length || this.#head < 1_024) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  /**
   * Entries after number `shown`, up to about `maxBytes` of them, as copies.
   * @returns undefined where the first of them is not here any more
   */
  after(liveSeq: number, maxBytes: number): readonly RawLiveEntry[] | undefined {
    const first = this.#oldest;
    if (first === undefined || liveSeq + 1 < first.liveSeq) return undefined;
    const found: RawLiveEntry[] = [];
    let bytes = 0;
    for (let at = this.#head + (liveSeq + 1 - first.liveSeq); at < this.#entries.length && bytes < maxBytes; at++) {
      const kept = this.#entries[at];
      if (kept === undefined) continue;
      bytes += kept.length + OVERHEAD_BYTES;
      found.push({ id: kept.id, liveSeq: kept.liveSeq, shownUpTo: kept.shownUpTo, data: this.#copyOf(kept) });
    }
    return found;
  }

  get #oldest(): KeptEntry | undefined {
    return this.#entries[this.#head];
  }

  #dropOldest(): void {
    this.#bytes -= (this.#oldest?.length ?? 0) + OVERHEAD_BYTES;
    this.#entries[this.#head] = undefined;
    this.#head += 1;
  }

  /** Where so many bytes go: behind the last ones, or at the ring's beginning where they would reach over its end. */
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
