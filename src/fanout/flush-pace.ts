/** Share of the time that handing out ticks may take while more of them come: one part in `1 + REST_FACTOR`. */
const REST_FACTOR = 1;
const SMOOTHING = 0.3;

/**
 * When ticks are handed out: at once while that is cheap, and gathered the longer the more a handing-out costs, up to a
 * bound. Pure; times in milliseconds of any monotonic clock.
 */
export class FlushPace {
  readonly #maxRestMs: number;
  #endedMs = Number.NEGATIVE_INFINITY;
  #costMs = 0;

  constructor(maxRestMs: number) {
    this.#maxRestMs = maxRestMs;
  }

  /** How long what has just come is to wait. */
  waitMs(nowMs: number): number {
    const restMs = Math.min(this.#maxRestMs, this.#costMs * REST_FACTOR);
    return Math.max(0, this.#endedMs + restMs - nowMs);
  }

  flushed(startedMs: number, endedMs: number): void {
    this.#endedMs = endedMs;
    this.#costMs += SMOOTHING * (endedMs - startedMs - this.#costMs);
  }
}
