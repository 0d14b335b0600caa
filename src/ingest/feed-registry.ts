import { describeError } from '../errors.ts';
import { ingestLogger } from '../logger.ts';
import type { CommittedFeed } from '../stream/flush-notice.ts';
import type { ReconciledState } from './session-rules.ts';

/** An open feed as the registry needs it: a connection's session, or the gateway's internal feed. */
export interface RegisteredFeed {
  readonly feed: string;
  readonly generation: string;
  /** Highest seq told accepted. */
  readonly accepted: number;
  onCommitted(generation: string, seq: number): void;
  onReconciled(state: ReconciledState | undefined, run: string, acceptedBefore: number): void;
}

/** Redis and the database as reconciliation reads them. */
export interface FeedStateSource {
  /** Run id of the Redis that answers now; throws while there is none. */
  readonly run: string;
  feedStates(feeds: readonly string[]): Promise<ReadonlyArray<ReconciledState | undefined>>;
  readRows(
    feeds: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly seq: number; readonly generation: string }>>;
}

const RECONCILE_MS = 1_000;

/**
 * Registry of the feeds that are open on this gateway. Commits reach them by pub/sub, which is fast, and by
 * reconciliation, which is sure: once a second their states and rows are read, so that an idle feed learns too that its
 * state is lost.
 */
export class FeedRegistry implements Disposable {
  readonly #sources: FeedStateSource;
  readonly #feeds = new Set<RegisteredFeed>();
  #timer: NodeJS.Timeout | undefined;
  #isReadingStates = false;
  #isReadingRows = false;

  constructor(sources: FeedStateSource) {
    this.#sources = sources;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.reconcile(), RECONCILE_MS);
  }

  get size(): number {
    return this.#feeds.size;
  }

  add(feed: RegisteredFeed): void {
    this.#feeds.add(feed);
  }

  remove(feed: RegisteredFeed): void {
    this.#feeds.delete(feed);
  }

  /** Tells the feeds of a committed flush. */
  onFlushed(committed: readonly CommittedFeed[]): void {
    const byFeed = new Map(committed.map((each) => [each.feed, each]));
    for (const feed of this.#feeds) {
      const done = byFeed.get(feed.feed);
      if (done !== undefined) feed.onCommitted(done.generation, done.seq);
    }
  }

  /** Reconciles once. Redis and the database are asked apart, so that each half goes on without the other. */
  async reconcile(): Promise<void> {
    if (this.#feeds.size > 0) await Promise.all([this.#reconcileStates(), this.#reconcileRows()]);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #reconcileStates(): Promise<void> {
    if (this.#isReadingStates) return;
    this.#isReadingStates = true;
    const feeds = [...this.#feeds];
    const acceptedBefore = feeds.map((feed) => feed.accepted);
    try {
      const { run } = this.#sources;
      const feedStates = await this.#sources.feedStates(feeds.map((feed) => feed.feed));
      feeds.forEach((feed, at) => {
        if (this.#feeds.has(feed)) feed.onReconciled(feedStates[at], run, acceptedBefore[at] ?? 0);
      });
    } catch (error) {
      ingestLogger.debug({ cause: describeError(error) }, 'reconciliation could not ask Redis');
    } finally {
      this.#isReadingStates = false;
    }
  }

  async #reconcileRows(): Promise<void> {
    if (this.#isReadingRows) return;
    this.#isReadingRows = true;
    const feeds = [...this.#feeds];
    try {
      const rows = await this.#sources.readRows([...new Set(feeds.map((feed) => feed.feed))]);
      for (const feed of feeds) {
        const row = rows.get(feed.feed);
        if (row !== undefined && this.#feeds.has(feed)) feed.onCommitted(row.generation, row.seq);
      }
    } catch (error) {
      ingestLogger.debug({ cause: describeError(error) }, 'reconciliation could not ask the database');
    } finally {
      this.#isReadingRows = false;
    }
  }
}
