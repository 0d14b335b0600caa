import { flushLogger } from '../logger.ts';
import type { CoordinatorBuffer, CoordinatorStore } from './coordinator-ports.ts';
import { DivergenceDetector, type FeedObservation } from './divergence-detector.ts';

const ROUND_MS = 500;
const SPENT_FEEDS_MS = 60_000;

/** The stream as a round reads it: to its end, from the start where a verdict is due. */
export interface RoundReading {
  /** Flushes until the stream's end. @returns false when it could not get there */
  readToEnd(fromStart: boolean): Promise<boolean>;
}

/**
 * Holds the judge's rounds. Twice a second all places are observed. A place that its row has not confirmed by the
 * next time, although everything that was in the stream has been flushed since, gets rounds from the stream's start.
 */
export class DivergenceCheck {
  readonly #buffer: CoordinatorBuffer;
  readonly #store: CoordinatorStore;
  readonly #onInvalidated: (feed: string) => void;
  readonly #divergence = new DivergenceDetector();
  #nextMs = 0;
  #nextSpentMs = 0;
  #observed: readonly FeedObservation[] = [];

  constructor(buffer: CoordinatorBuffer, store: CoordinatorStore, onInvalidated: (feed: string) => void) {
    this.#buffer = buffer;
    this.#store = store;
    this.#onInvalidated = onInvalidated;
  }

  /** What was observed belongs to what was believed before. */
  reset(): void {
    this.#observed = [];
    this.#divergence.abandonRound();
  }

  async turn(nowMs: number, reading: RoundReading): Promise<void> {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + ROUND_MS;
    await this.#forgetSpentFeeds(nowMs);
    const unconfirmed = await this.#stillUnconfirmed(reading);
    if (unconfirmed.length > 0) await this.#round(unconfirmed, reading);
    else this.#divergence.abandonRound();
    this.#observed = (await this.#observe(await this.#buffer.knownFeeds())).filter((state) =>
      DivergenceDetector.isSuspicious(state),
    );
  }

  /** Places observed the last time that their rows have not caught up with, after reading to the stream's end. */
  async #stillUnconfirmed(reading: RoundReading): Promise<FeedObservation[]> {
    if (this.#observed.length === 0 || !(await reading.readToEnd(false))) return [];
    const rows = await this.#store.readRows(this.#observed.map((state) => state.feed));
    return this.#observed.filter((state) => DivergenceDetector.isSuspicious({ ...state, row: rows.get(state.feed) }));
  }

  async #round(suspects: readonly FeedObservation[], reading: RoundReading): Promise<void> {
    const before = (await this.#observe(suspects.map((state) => state.feed))).filter((state) =>
      DivergenceDetector.isSuspicious(state),
    );
    if (!(await reading.readToEnd(true))) return this.#divergence.abandonRound();
    const rows = await this.#store.readRows(before.map((state) => state.feed));
    for (const { feed, run, generation } of this.#divergence.endRound(before, rows)) {
      if (!(await this.#buffer.invalidate(feed, run, generation))) continue;
      flushLogger.warn(
        { feed, watermark: rows.get(feed)?.seq },
        'place condemned: the stream does not continue what is stored',
      );
      this.#onInvalidated(feed);
    }
  }

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

  async #forgetSpentFeeds(nowMs: number): Promise<void> {
    if (nowMs < this.#nextSpentMs) return;
    this.#nextSpentMs = nowMs + SPENT_FEEDS_MS;
    for (const feed of await this.#store.deleteSpentFeeds()) await this.#buffer.forget(feed);
  }
}
