/** Load thresholds, as shares of the time that delivery takes: no delay up to the first, all of it from the second on. */
const CALM_SHARE = 0.3;
const BUSY_SHARE = 0.8;
/** Time constant of the decaying sum. */
const MEMORY_MS = 50;

/**
 * Adaptive delay between two deliveries to one dashboard: none while delivery takes little of the time, and the longer
 * the more it takes, up to a bound. Pure; times in milliseconds of any monotonic clock.
 */
export class AdaptiveDelay {
  readonly #maxGapMs: number;
  /** Time spent of late, which fades with its age. */
  #spentMs = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(maxGapMs: number) {
    this.#maxGapMs = maxGapMs;
  }

  /** A delivery took from `startedMs` to `endedMs`. */
  spent(startedMs: number, endedMs: number): void {
    this.#spentMs = this.#fadedMs(endedMs) + endedMs - startedMs;
    this.#atMs = endedMs;
  }

  /** Least time from one delivery to a dashboard to the next. */
  gapMs(nowMs: number): number {
    const share = this.#fadedMs(nowMs) / MEMORY_MS;
    return this.#maxGapMs * Math.min(1, Math.max(0, (share - CALM_SHARE) / (BUSY_SHARE - CALM_SHARE)));
  }

  #fadedMs(nowMs: number): number {
    return this.#spentMs * Math.exp((this.#atMs - nowMs) / MEMORY_MS);
  }
}
