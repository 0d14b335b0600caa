import { PageSize } from '../base/page-size.ts';
import type { TailEntry } from './stream-tail.ts';

/** Page size of the stream's readings: about half a megabyte, learnt from the pages before. */
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
