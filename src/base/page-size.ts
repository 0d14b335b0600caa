const MIN_ENTRIES = 16;
const MAX_ENTRIES = 4_096;
const TARGET_BYTES = 512 * 1024;
const FIRST_ENTRY_BYTES = 8 * 1024;

/** How many entries to read at a time, so that a page is bounded by bytes: learnt from the pages before. */
export class PageSize {
  #entryBytes = FIRST_ENTRY_BYTES;

  get entries(): number {
    return Math.round(Math.min(MAX_ENTRIES, Math.max(MIN_ENTRIES, TARGET_BYTES / this.#entryBytes)));
  }

  learn(entries: ReadonlyArray<{ readonly data: Buffer }>): void {
    if (entries.length === 0) return;
    const bytes = entries.reduce((sum, entry) => sum + entry.data.length, 0);
    this.#entryBytes = Math.max(64, bytes / entries.length);
  }
}
