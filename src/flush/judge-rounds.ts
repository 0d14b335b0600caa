import { flushLogger } from '../logger.ts';
import type { CoordinatorBuffer, CoordinatorStore } from './coordinator-ports.ts';
import { PlaceJudge, type PlaceObservation } from './place-judge.ts';

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
export class JudgeRounds {
  readonly #buffer: CoordinatorBuffer;
  readonly #store: CoordinatorStore;
  readonly #onCondemned: (feed: string) => void;
  readonly #judge = new PlaceJudge();
  #nextMs = 0;
  #nextSpentMs = 0;
  #observed: readonly PlaceObservation[] = [];

  constructor(buffer: CoordinatorBuffer, store: CoordinatorStore, onCondemned: (feed: string) => void) {
    this.#buffer = buffer;
    this.#store = store;
    this.#onCondemned = onCondemned;
  }

  /** What was observed belongs to what was believed before. */
  reset(): void {
    this.#observed = [];
    this.#judge.abandonRound();
  }

  async turn(nowMs: number, reading: RoundReading): Promise<void> {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + ROUND_MS;
    await this.#forgetSpentFeeds(nowMs);
    const unconfirmed = await this.#stillUnconfirmed(reading);
    if (unconfirmed.length > 0) await this.#round(unconfirmed, reading);
    else this.#judge.abandonRound();
    this.#observed = (await this.#observe(await this.#buffer.knownFeeds())).filter((place) =>
      PlaceJudge.isSuspicious(place),
    );
  }

  /** Places observed the last time that their rows have not caught up with, after reading to the stream's end. */
  async #stillUnconfirmed(reading: RoundReading): Promise<PlaceObservation[]> {
    if (this.#observed.length === 0 || !(await reading.readToEnd(false))) return [];
    const rows = await this.#store.readRows(this.#observed.map((place) => place.feed));
    return this.#observed.filter((place) => PlaceJudge.isSuspicious({ ...place, row: rows.get(place.feed) }));
  }

  async #round(suspects: readonly PlaceObservation[], reading: RoundReading): Promise<void> {
    const before = (await this.#observe(suspects.map((place) => place.feed))).filter((place) =>
      PlaceJudge.isSuspicious(place),
    );
    if (!(await reading.readToEnd(true))) return this.#judge.abandonRound();
    const rows = await this.#store.readRows(before.map((place) => place.feed));
    for (const { feed, run, generation } of this.#judge.endRound(before, rows)) {
      if (!(await this.#buffer.condemn(feed, run, generation))) continue;
      flushLogger.warn(
        { feed, watermark: rows.get(feed)?.seq },
        'place condemned: the stream does not continue what is stored',
      );
      this.#onCondemned(feed);
    }
  }

  async #observe(feeds: readonly string[]): Promise<PlaceObservation[]> {
    const { run } = this.#buffer;
    const places = await this.#buffer.places(feeds);
    const rows = await this.#store.readRows(feeds);
    const observations: PlaceObservation[] = [];
    places.forEach((place, at) => {
      const feed = feeds[at] ?? '';
      if (place !== undefined && place.run === run) observations.push({ feed, ...place, row: rows.get(feed) });
    });
    return observations;
  }

  async #forgetSpentFeeds(nowMs: number): Promise<void> {
    if (nowMs < this.#nextSpentMs) return;
    this.#nextSpentMs = nowMs + SPENT_FEEDS_MS;
    for (const feed of await this.#store.deleteSpentFeeds()) await this.#buffer.forget(feed);
  }
}
