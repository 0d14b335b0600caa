import type { ShownEntry } from './shown-sequence.ts';

/**
 * The newest shown entries, without a hole between them, bounded by bytes: dashboards that come back after a moment are
 * served from here.
 */
export class RecentEntries {
  readonly #maxBytes: number;
  #entries: ShownEntry[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(entry: ShownEntry): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && entry.shown !== last.shown + 1) this.clear();
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#maxBytes && this.#head < this.#entries.length - 1) {
      this.#bytes -= this.#entries[this.#head]?.bytes ?? 0;
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
  after(shown: number, maxBytes: number): readonly ShownEntry[] | undefined {
    const first = this.#entries[this.#head];
    if (first === undefined || shown + 1 < first.shown) return undefined;
    const from = this.#head + (shown + 1 - first.shown);
    let to = from;
    for (let bytes = 0; to < this.#entries.length && bytes < maxBytes; to++) bytes += this.#entries[to]?.bytes ?? 0;
    return this.#entries.slice(from, to);
  }
}
