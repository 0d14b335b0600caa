/** Shares of the time that handing out takes: up to the first nothing is gathered, from the second on all that may be. */
const CALM_SHARE = 0.3;
const BUSY_SHARE = 0.8;
/** Over which time the share is counted. */
const MEMORY_MS = 50;

/**
 * How long ticks are gathered for a dashboard that has just got some: not at all while handing out takes little of the
 * time, and the longer the more it takes, up to a bound. Pure; times in milliseconds of any monotonic clock.
 */
export class AdaptiveDelay {
  readonly #maxGapMs: number;
  /** Time spent of late, which fades with its age. */
  #spentMs = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(maxGapMs: number) {
    this.#maxGapMs = maxGapMs;
  }

  /** Handing out took from `startedMs` to `endedMs`. */
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
