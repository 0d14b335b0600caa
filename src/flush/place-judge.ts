import type { FeedRow } from './chain-filter.ts';

/** A feed's place as it was observed, and the row beside it. */
export interface PlaceObservation {
  readonly feed: string;
  readonly run: string;
  readonly generation: string;
  readonly position: number;
  readonly row: FeedRow | undefined;
}

export interface Sentence {
  readonly feed: string;
  readonly run: string;
  readonly generation: string;
}

interface Suspicion extends Sentence {
  readonly position: number;
  /** Completed rounds that this has stood for. */
  rounds: number;
}

const ROUNDS_TO_CONDEMN = 2;

/**
 * Judges places by their outcome, as a pure rule. A round is: observe all places, then read the stream from its start
 * to its end and flush it, then observe the rows. A place whose position the watermark has not reached by then, or
 * whose generation is not the row's, is broken, whatever the cause: lost entries, a missing frame, a restored
 * database. When that stands for two rounds the place is condemned, and the feed opens again.
 */
export class PlaceJudge {
  readonly #suspects = new Map<string, Suspicion>();

  /** Whether a round would tell anything: some place is not confirmed by its row. */
  static isSuspicious(observation: PlaceObservation): boolean {
    const { row } = observation;
    return row === undefined || row.generation !== observation.generation || row.seq < observation.position;
  }

  /**
   * The end of a round.
   * @param before places observed before the reading began
   * @param rowsNow rows after everything read has been flushed
   */
  endRound(before: readonly PlaceObservation[], rowsNow: ReadonlyMap<string, FeedRow>): Sentence[] {
    const condemned: Sentence[] = [];
    const standing = new Set<string>();
    for (const place of before) {
      const row = rowsNow.get(place.feed);
      if (!PlaceJudge.isSuspicious({ ...place, row })) continue;
      standing.add(place.feed);
      const known = this.#suspects.get(place.feed);
      const isSame = known !== undefined && known.run === place.run && known.generation === place.generation;
      const suspect = isSame ? known : { ...place, rounds: 0 };
      suspect.rounds += 1;
      this.#suspects.set(place.feed, suspect);
      if (suspect.rounds >= ROUNDS_TO_CONDEMN) {
        condemned.push({ feed: place.feed, run: place.run, generation: place.generation });
        this.#suspects.delete(place.feed);
      }
    }
    for (const feed of this.#suspects.keys()) if (!standing.has(feed)) this.#suspects.delete(feed);
    return condemned;
  }

  /** A round that could not be finished says nothing, and breaks the series. */
  abandonRound(): void {
    this.#suspects.clear();
  }
}
