/** An entry of the Redis Stream, not decoded. */
export interface TailEntry {
  readonly id: string;
  /** See stream-entry.ts. */
  readonly data: Buffer;
  /** Frames of it with seq ≤ shownUpTo reached dashboards before, and are not delivered again. */
  readonly shownUpTo: number;
  /** Number among the stream's live entries, from 1; 0 for an entry that is not live. */
  readonly liveSeq: number;
}

/** Entries after an id, read atomically with the identity of their stream. */
export interface TailPage {
  /** Run id of the Redis server. */
  readonly run: string;
  /** Undefined where there is no stream. */
  readonly streamId: string | undefined;
  readonly entries: readonly TailEntry[];
  /** Number of the newest live entry of this stream. */
  readonly liveSeq: number;
}

/** The Redis Stream, for entries that pub/sub did not bring. */
export interface StreamTail {
  /** At most `maxEntries` entries after the id (undefined: from the start). Rejects while Redis is away. */
  read(after: string | undefined, maxEntries: number): Promise<TailPage>;
}
