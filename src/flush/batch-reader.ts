import { PageSize } from '../base/page-size.ts';
import { BadFrameError } from '../market/bad-frame-error.ts';
import { flushLogger } from '../logger.ts';
import { decodeStreamEntry, type StreamEntry } from '../stream/stream-entry.ts';
import type { ReadEntry } from './batch-planner.ts';

/** A page of the stream; see buffer/stream-reader.ts. */
export interface SourcePage {
  readonly run: string;
  readonly streamId: string | undefined;
  /** Ticks in the stream that no flush has handled. */
  readonly pendingTicks: number;
  readonly entries: ReadonlyArray<{
    readonly id: string;
    readonly feed: string;
    readonly generation: string;
    readonly total: number;
    readonly data: Buffer;
  }>;
}

export interface StreamSource {
  read(cursor: string | undefined, maxEntries: number): Promise<SourcePage>;
}

/** Entries to flush, and the stream that they come from. */
export interface ReadBatch {
  readonly run: string;
  readonly streamId: string | undefined;
  readonly entries: readonly ReadEntry[];
  /** Ticks in the stream that no flush had handled when it was read. */
  readonly pendingTicks: number;
  /** True when the reading stopped at the stream's end. */
  readonly atEnd: boolean;
}

const MIN_PAGE_ENTRIES = 16;
const TARGET_PAGE_BYTES = 2 * 1024 * 1024;
const PAGES = {
  targetBytes: TARGET_PAGE_BYTES,
  minEntries: MIN_PAGE_ENTRIES,
  maxEntries: 4_096,
  firstEntryBytes: TARGET_PAGE_BYTES / MIN_PAGE_ENTRIES,
};
/** Bytes of one batch in memory, at most, give or take a page; whatever its ticks. */
const MAX_BATCH_BYTES = 48 * 1024 * 1024;

/**
 * Reads the stream onward from a cursor. A cursor belongs to one run of Redis and one stream id: in any other stream it
 * means nothing, and reading begins at the start.
 */
export class BatchReader {
  readonly #source: StreamSource;
  #cursor: string | undefined;
  #run = '';
  #streamId: string | undefined;
  readonly #pageSize = new PageSize(PAGES);

  constructor(source: StreamSource) {
    this.#source = source;
  }

  /** Id of the last entry dealt with; undefined at the start of the stream. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Moves the cursor to the start of the stream. */
  rewind(): void {
    this.#cursor = undefined;
  }

  /** Moves the cursor behind an entry that has been dealt with, unless the stream is another one by now. */
  moveTo(cursor: string, read: ReadBatch): void {
    if (read.run === this.#run && read.streamId === this.#streamId) this.#cursor = cursor;
  }

  /**
   * The next entries, up to about `maxTicks` ticks. Does not move the cursor.
   * @param after reads behind this entry instead of the cursor, if the stream is still the same
   */
  async next(maxTicks: number, after: string | undefined = this.#cursor): Promise<ReadBatch> {
    const entries: ReadEntry[] = [];
    let from = after;
    let ticks = 0;
    let bytes = 0;
    for (;;) {
      const pageEntries = this.#pageSize.entries;
      const page = await this.#source.read(from, pageEntries);
      if (page.run !== this.#run || page.streamId !== this.#streamId) {
        const isFirst = this.#run === '';
        this.#run = page.run;
        this.#streamId = page.streamId;
        this.rewind();
        if (from === undefined && entries.length === 0) {
          if (!isFirst) flushLogger.info({ run: page.run }, 'another stream: reading from its start');
        } else {
          const { run, streamId, pendingTicks } = page;
          return { run, streamId, pendingTicks, entries: [], atEnd: false };
        }
      }
      for (const raw of page.entries) {
        const entry = readEntry(raw);
        entries.push(entry);
        bytes += entry.bytes;
        for (const frame of entry.content.frames) ticks += frame.count;
        from = entry.id;
      }
      this.#pageSize.learn(entries.length, bytes);
      const atEnd = page.entries.length < pageEntries;
      if (atEnd || ticks >= maxTicks || bytes >= MAX_BATCH_BYTES) {
        const { run, streamId, pendingTicks } = page;
        return { run, streamId, pendingTicks, entries, atEnd };
      }
    }
  }
}

function readEntry(raw: SourcePage['entries'][number]): ReadEntry {
  const { id, feed, generation, total, data } = raw;
  return {
    id,
    feed,
    generation,
    total,
    bytes: data.length + id.length + feed.length + generation.length,
    content: readContent(id, feed, data),
  };
}

/** An unreadable entry counts as one without frames: the feed's chain breaks there, and the feed sends again. */
function readContent(id: string, feed: string, data: Buffer): StreamEntry {
  try {
    const content = decodeStreamEntry(data);
    if (content.feed === feed) return content;
  } catch (error) {
    if (!(error instanceof BadFrameError)) throw error;
  }
  flushLogger.error({ id, feed }, 'a stream entry cannot be read; its feed will have to send it again');
  return { feed, writer: '', live: false, acceptedAtMs: 0, frames: [] };
}
