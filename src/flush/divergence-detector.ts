import type { FeedState } from '../stream/feed-state.ts';
import type { Watermark } from './chain-filter.ts';

/** A feed's state as it was observed, and the row beside it. */
export interface FeedObservation extends Pick<FeedState, 'run' | 'generation' | 'position'> {
  readonly feed: string;
  readonly row: Watermark | undefined;
}

/** A state to be invalidated, if it is still this one. */
export type Invalidation = Pick<FeedObservation, 'feed' | 'run' | 'generation'>;

interface Suspect extends Invalidation {
  readonly position: number;
  /** Completed rounds that this has stood for. */
  rounds: number;
}

const ROUNDS_TO_INVALIDATE = 2;

/**
 * Judges places by their outcome, as a pure rule. A round is: observe all places, then read the stream from its start
 * to its end and flush it, then observe the rows. A place whose position the watermark has not reached by then, or
 * whose generation is not the row's, is broken, whatever the cause: lost entries, a missing frame, a restored
 * database. When that stands for two rounds the place is invalidated, and the feed opens again.
 */
export class DivergenceDetector {
  readonly #suspects = new Map<string, Suspect>();

  /** Whether a round would tell anything: some place is not confirmed by its row. */
  static isSuspicious(observation: FeedObservation): boolean {
    const { row } = observation;
    return row === undefined || row.generation !== observation.generation || row.seq < observation.position;
  }

  /**
   * The end of a round.
   * @param before places observed before the reading began
   * @param rowsNow rows after everything read has been flushed
   */
  endRound(before: readonly FeedObservation[], rowsNow: ReadonlyMap<string, Watermark>): Invalidation[] {
    const invalidated: Invalidation[] = [];
    const standing = new Set<string>();
    for (const state of before) {
      const row = rowsNow.get(state.feed);
      if (!DivergenceDetector.isSuspicious({ ...state, row })) continue;
      standing.add(state.feed);
      const known = this.#suspects.get(state.feed);
      const isSame = known !== undefined && known.run === state.run && known.generation === state.generation;
      const suspect = isSame ? known : { ...state, rounds: 0 };
      suspect.rounds += 1;
      this.#suspects.set(state.feed, suspect);
      if (suspect.rounds >= ROUNDS_TO_INVALIDATE) {
        invalidated.push({ feed: state.feed, run: state.run, generation: state.generation });
        this.#suspects.delete(state.feed);
      }
    }
    for (const feed of this.#suspects.keys()) if (!standing.has(feed)) this.#suspects.delete(feed);
    return invalidated;
  }

  /** A round that could not be finished says nothing, and breaks the series. */
  abandonRound(): void {
    this.#suspects.clear();
  }
}
