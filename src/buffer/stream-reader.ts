import type { StaleEntry } from '../stream/stale-entry.ts';
import type { TailEntry, TailPage } from '../stream/stream-tail.ts';
import { type FeedStateView, invalidateFeed, readFeedStates, readPendingTicks } from './feed-state-queries.ts';
import type { BufferKeys } from './keys.ts';
import { runScript } from './lua-scripts.ts';
import type { RedisLink } from './redis-link.ts';

/** One entry of the stream as Redis holds it, for fan-out and for the flush. */
export interface RawEntry extends TailEntry {
  readonly feed: string;
  readonly generation: string;
  /** Running total of ticks in this stream up to and with this entry. */
  readonly total: number;
}

/** Entries after a cursor, and the identity of the stream they come from. */
export interface StreamPage extends TailPage {
  readonly entries: readonly RawEntry[];
  /** Ticks in the stream that no flush has handled. */
  readonly pendingTicks: number;
}

/** Ids in one call of trim.lua, at most: Redis serves nobody else while a script runs. */
const MAX_IDS_A_CALL = 2_000;
const FIRST_ENTRY_ID = '0-0';

/** The buffer's read side, for the flush coordinator and for fan-out: pages of the stream, states of feeds, trimming. */
export class StreamReader {
  readonly #link: Pick<RedisLink, 'client' | 'facts' | 'isUp'>;
  readonly #keys: BufferKeys;

  constructor(link: Pick<RedisLink, 'client' | 'facts' | 'isUp'>, keys: BufferKeys) {
    this.#link = link;
    this.#keys = keys;
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  /** Run id of the server that answers now. @throws {RedisUnavailableError} */
  get run(): string {
    return this.#link.facts.run;
  }

  /** At most `maxEntries` entries after `cursor` (undefined: from the start), with the stream's identity, atomically. */
  async read(cursor: string | undefined, maxEntries: number): Promise<StreamPage> {
    const client = this.#link.client;
    const run = this.#link.facts.run;
    const answer = await client
      .multi()
      .hmget(this.#keys.meta, 'incarnation', 'total', 'handled', 'shown')
      .exists(this.#keys.stream)
      .xrangeBuffer(this.#keys.stream, `(${cursor ?? FIRST_ENTRY_ID}`, '+', 'COUNT', maxEntries)
      .exec();
    const [meta, exists, range] = (answer ?? []).map(([error, value]) => {
      if (error) throw error;
      return value;
    });
    const [streamId, total, handled, liveSeq] = Array.isArray(meta)
      ? meta.map((each) => (each === null ? undefined : String(each)))
      : [];
    return {
      run,
      streamId: exists === 0 ? undefined : streamId,
      entries: parseRange(range),
      pendingTicks: exists === 0 ? 0 : Math.max(0, Number(total ?? 0) - Number(handled ?? 0)),
      liveSeq: exists === 0 ? 0 : Number(liveSeq ?? 0),
    };
  }

  /** Ticks in the stream that no flush has handled. */
  async pendingTicks(): Promise<number> {
    return readPendingTicks(this.#link.client, this.#keys);
  }

  /** Feeds that have, or had, a state in this Redis. */
  async knownFeeds(): Promise<string[]> {
    return this.#link.client.smembers(this.#keys.feeds);
  }

  /** States of feeds, in the order asked; undefined where there is none. */
  async feedStates(feeds: readonly string[]): Promise<Array<FeedStateView | undefined>> {
    return readFeedStates(this.#link.client, this.#keys, feeds);
  }

  /** Invalidates a feed's state, if it is still of this run and generation. @returns whether it was */
  async invalidate(feed: string, run: string, generation: string): Promise<boolean> {
    return invalidateFeed(this.#link.client, this.#keys, feed, run, generation);
  }

  /** Forgets a feed wholly: for one-off feeds whose row is gone. */
  async forget(feed: string): Promise<void> {
    await this.#link.client.del(this.#keys.state(feed), this.#keys.takeover(feed));
    await this.#link.client.srem(this.#keys.feeds, feed);
  }

  /**
   * Trims entries that are no longer needed, and counts as handled what was. See lua/trim.lua.
   * @returns ids of the stale entries removed; undefined when the stream is not the one they were read from
   */
  async trim(
    streamId: string,
    handled: number,
    committed: readonly string[],
    stale: readonly StaleEntry[],
  ): Promise<string[] | undefined> {
    const removed: string[] = [];
    for (let from = 0; from === 0 || from < Math.max(committed.length, stale.length); from += MAX_IDS_A_CALL) {
      const to = from + MAX_IDS_A_CALL;
      const answer = await this.#trimOnce(streamId, handled, committed.slice(from, to), stale.slice(from, to));
      if (!Array.isArray(answer)) return undefined;
      removed.push(...answer.map(String));
    }
    return removed;
  }

  /** Publishes the outcome of a flush. */
  async publishFlush(notice: Buffer): Promise<void> {
    await this.#link.client.publish(this.#keys.flushedChannel, notice);
  }

  async #trimOnce(
    streamId: string,
    handled: number,
    committed: readonly string[],
    stale: readonly StaleEntry[],
  ): Promise<unknown> {
    const feeds = [...new Set(stale.map((entry) => entry.feed))];
    const keys = [this.#keys.stream, this.#keys.meta, ...feeds.map((feed) => this.#keys.state(feed))];
    const staleArgs = stale.flatMap((entry) => [entry.id, entry.generation, feeds.indexOf(entry.feed) + 3]);
    return runScript(this.#link.client, 'trim', keys, [
      streamId,
      String(handled),
      committed.length,
      ...committed,
      ...staleArgs,
    ]);
  }
}

function parseRange(range: unknown): RawEntry[] {
  if (!Array.isArray(range)) return [];
  return range.map((item: unknown) => {
    const [id, pairs]: unknown[] = Array.isArray(item) ? item : [];
    const fields: unknown[] = Array.isArray(pairs) ? pairs : [];
    const field = (name: string): Buffer => {
      for (let i = 0; i + 1 < fields.length; i += 2) {
        const value = fields[i + 1];
        if (String(fields[i]) === name && Buffer.isBuffer(value)) return value;
      }
      return Buffer.alloc(0);
    };
    return {
      id: String(id),
      feed: field('f').toString(),
      generation: field('g').toString(),
      total: Number(field('t').toString()),
      shownUpTo: Number(field('p').toString()),
      liveSeq: Number(field('n').toString()),
      data: field('d'),
    };
  });
}
