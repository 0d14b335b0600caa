import { flushLogger } from '../logger.ts';
import type { CoordinatorBuffer, CoordinatorStore } from './coordinator-ports.ts';
import { DivergenceDetector, type FeedObservation } from './divergence-detector.ts';

const ROUND_MS = 500;
const SPENT_FEEDS_MS = 60_000;

type CheckedBuffer = Pick<CoordinatorBuffer, 'run' | 'knownFeeds' | 'feedStates' | 'invalidate' | 'forget'>;
type CheckedStore = Pick<CoordinatorStore, 'readRows' | 'deleteSpentFeeds'>;

/** Flushing on demand, for the rounds of a check. */
export interface RoundReading {
  /**
   * Flushes until the stream's end, from its start or from the cursor.
   * @returns false when it could not get there
   */
  readToEnd(fromStart: boolean): Promise<boolean>;
}

/**
 * Runs the rounds of the divergence detector. Twice a second the states of all feeds are observed. A state that its
 * watermark has not confirmed by the next time, although everything in the stream has been flushed since, gets rounds
 * from the stream's start; one that the detector then invalidates is deleted, and its feed opens again.
 */
export class DivergenceCheck {
  readonly #buffer: CheckedBuffer;
  readonly #store: CheckedStore;
  readonly #onInvalidated: (feed: string) => void;
  readonly #detector = new DivergenceDetector();
  #nextMs = 0;
  #nextSpentMs = 0;
  #observed: readonly FeedObservation[] = [];

  constructor(buffer: CheckedBuffer, store: CheckedStore, onInvalidated: (feed: string) => void) {
    this.#buffer = buffer;
    this.#store = store;
    this.#onInvalidated = onInvalidated;
  }

  /** Forgets observations and rounds: after a failure, and when this coordinator begins to lead. */
  reset(): void {
    this.#observed = [];
    this.#detector.abandonRound();
  }

  /**
   * Runs one check, if half a second has gone by since the last one; else returns at once.
   * @throws what Redis or PostgreSQL threw; call `reset()` then
   */
  async turn(nowMs: number, reading: RoundReading): Promise<void> {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + ROUND_MS;
    await this.#forgetSpentFeeds(nowMs);
    const unconfirmed = await this.#stillUnconfirmed(reading);
    if (unconfirmed.length > 0) await this.#round(unconfirmed, reading);
    else this.#detector.abandonRound();
    this.#observed = (await this.#observe(await this.#buffer.knownFeeds())).filter((state) =>
      DivergenceDetector.isSuspicious(state),
    );
  }

  /** States observed the last time that their watermarks do not confirm after reading to the stream's end. */
  async #stillUnconfirmed(reading: RoundReading): Promise<FeedObservation[]> {
    if (this.#observed.length === 0 || !(await reading.readToEnd(false))) return [];
    const rows = await this.#store.readRows(this.#observed.map((state) => state.feed));
    return this.#observed.filter((state) => DivergenceDetector.isSuspicious({ ...state, row: rows.get(state.feed) }));
  }

  async #round(suspects: readonly FeedObservation[], reading: RoundReading): Promise<void> {
    const before = (await this.#observe(suspects.map((state) => state.feed))).filter((state) =>
      DivergenceDetector.isSuspicious(state),
    );
    if (!(await reading.readToEnd(true))) return this.#detector.abandonRound();
    const rows = await this.#store.readRows(before.map((state) => state.feed));
    for (const { feed, run, generation } of this.#detector.endRound(before, rows)) {
      if (!(await this.#buffer.invalidate(feed, run, generation))) continue;
      flushLogger.warn(
        { feed, watermark: rows.get(feed)?.seq },
        'state invalidated: the stream does not continue what is stored',
      );
      this.#onInvalidated(feed);
    }
  }

  /** States of this run of Redis, with their watermarks; the states are read first, so that these can only be ahead. */
  async #observe(feeds: readonly string[]): Promise<FeedObservation[]> {
    const { run } = this.#buffer;
    const feedStates = await this.#buffer.feedStates(feeds);
    const rows = await this.#store.readRows(feeds);
    const observations: FeedObservation[] = [];
    feedStates.forEach((state, at) => {
      const feed = feeds[at] ?? '';
      if (state !== undefined && state.run === run) observations.push({ feed, ...state, row: rows.get(feed) });
    });
    return observations;
  }

  /** One-off feeds (`~…`) whose watermark is deleted are forgotten in Redis too. */
  async #forgetSpentFeeds(nowMs: number): Promise<void> {
    if (nowMs < this.#nextSpentMs) return;
    this.#nextSpentMs = nowMs + SPENT_FEEDS_MS;
    for (const feed of await this.#store.deleteSpentFeeds()) await this.#buffer.forget(feed);
  }
}
