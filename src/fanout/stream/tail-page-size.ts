import { PageSize } from '../../base/page-size.ts';
import type { TailEntry } from '../../stream/stream-tail.ts';

/** How many entries to read at a time, so that a page takes about half a megabyte. */
export class TailPageSize {
  readonly #size = new PageSize({
    targetBytes: 512 * 1024,
    minEntries: 16,
    maxEntries: 4_096,
    firstEntryBytes: 8 * 1024,
  });

  get entries(): number {
    return this.#size.entries;
  }

  learn(entries: ReadonlyArray<Pick<TailEntry, 'data'>>): void {
    this.#size.learn(
      entries.length,
      entries.reduce((sum, { data }) => sum + data.length, 0),
    );
  }
}
