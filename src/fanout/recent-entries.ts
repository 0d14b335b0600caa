import type { RawShownEntry } from './shown-sequence.ts';

/** What an entry takes beside its bytes. */
const OVERHEAD_BYTES = 256;

/**
 * The newest shown entries, without a hole between them, bounded by bytes: dashboards that come back after a moment are
 * served from here.
 */
export class RecentEntries {
  readonly #maxBytes: number;
  #entries: Array<RawShownEntry | undefined> = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(entry: RawShownEntry): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && entry.shown !== last.shown + 1) this.clear();
    // Decoded, an entry of many small frames takes several times its bytes.
    const { id, shown, published, data } = entry;
    this.#entries.push({ id, shown, published, data });
    this.#bytes += sizeOf(entry);
    while (this.#bytes > this.#maxBytes && this.#head < this.#entries.length - 1) {
      this.#bytes -= sizeOf(this.#entries[this.#head]);
      this.#entries[this.#head] = undefined;
      this.#head += 1;
    }
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
   * Entries after number `shown`, up to about `maxBytes` of them.
   * @returns undefined where the first of them is not here any more
   */
  after(shown: number, maxBytes: number): readonly RawShownEntry[] | undefined {
    const first = this.#entries[this.#head];
    if (first === undefined || shown + 1 < first.shown) return undefined;
    const from = this.#head + (shown + 1 - first.shown);
    let to = from;
    for (let bytes = 0; to < this.#entries.length && bytes < maxBytes; to++) bytes += sizeOf(this.#entries[to]);
    return this.#entries.slice(from, to).filter((entry) => entry !== undefined);
  }
}

function sizeOf(entry: RawShownEntry | undefined): number {
  return entry === undefined ? 0 : entry.data.length + OVERHEAD_BYTES;
}
