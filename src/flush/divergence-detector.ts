import type { FeedState } from '../stream/feed-state.ts';
import type { Watermark } from './chain-filter.ts';

/** A feed's state in Redis as it was observed, and its watermark beside it. */
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
 * Detects divergence of a feed's state from its watermark by the outcome, a pure rule. A round is: observe the states,
 * then read the stream from its start to its end and flush it, then observe the watermarks. A state whose position the
 * watermark has not reached by then, or whose generation is not the watermark's, has diverged, whatever the cause: lost
 * entries, a missing frame, a restored database. After two such rounds in a row it is to be invalidated: the feed opens
 * again, at its watermark.
 */
export class DivergenceDetector {
  readonly #suspects = new Map<string, Suspect>();

  /** Whether the watermark does not confirm the state (yet): only then a round can tell anything. */
  static isSuspicious(observation: FeedObservation): boolean {
    const { row } = observation;
    return row === undefined || row.generation !== observation.generation || row.seq < observation.position;
  }

  /**
   * The end of a round.
   * @param before states observed before the reading began
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
