export interface PageSizeOptions {
  readonly targetBytes: number;
  readonly minEntries: number;
  readonly maxEntries: number;
  /** Bytes that an entry is taken to have before any has been read. */
  readonly firstEntryBytes: number;
}

const MIN_ENTRY_BYTES = 64;

/** How many entries to read at a time, so that a page is bounded by bytes: learnt from the pages before. Pure. */
export class PageSize {
  readonly #options: PageSizeOptions;
  #entryBytes: number;

  constructor(options: PageSizeOptions) {
    this.#options = options;
    this.#entryBytes = options.firstEntryBytes;
  }

  /** Entries of the next page. */
  get entries(): number {
    const { targetBytes, minEntries, maxEntries } = this.#options;
    return Math.round(Math.min(maxEntries, Math.max(minEntries, targetBytes / this.#entryBytes)));
  }

  /** Takes the size of a page that was read: its entries, and their bytes together. */
  learn(entries: number, bytes: number): void {
    if (entries > 0) this.#entryBytes = Math.max(MIN_ENTRY_BYTES, bytes / entries);
  }
}
