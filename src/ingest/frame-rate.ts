/** A pause longer than this is not back-pressure any more. */
const MAX_DEBT_SECONDS = 10;
/** What one read of a socket may hold of small frames is no offence, however low the rate. */
const MIN_DEBT_FRAMES = 1_000;

export type FrameRateVerdict =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'pause'; readonly pauseMs: number }
  | { readonly kind: 'exceeded' };

const GO_ON: FrameRateVerdict = { kind: 'go-on' };

/**
 * Bound on frames a second, as a bucket of one second's worth. A connection that is beyond it is to be read later; one
 * that still comes with frames, ten seconds' worth beyond, does not heed that. Pure: time is passed in.
 */
export class FrameRate {
  readonly #framesPerSecond: number;
  #frames: number;
  #lastMs: number;

  /** @param framesPerSecond 0: no bound */
  constructor(framesPerSecond: number, nowMs: number) {
    this.#framesPerSecond = framesPerSecond;
    this.#frames = framesPerSecond;
    this.#lastMs = nowMs;
  }

  /** One frame has come. `pauseMs` is the time until the next one may. */
  take(nowMs: number): FrameRateVerdict {
    const rate = this.#framesPerSecond;
    if (rate === 0) return GO_ON;
    const elapsedMs = Math.max(0, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#frames = Math.min(rate, this.#frames + (elapsedMs * rate) / 1_000) - 1;
    if (this.#frames >= 0) return GO_ON;
    if (-this.#frames > Math.max(rate * MAX_DEBT_SECONDS, MIN_DEBT_FRAMES)) return { kind: 'exceeded' };
    return { kind: 'pause', pauseMs: Math.ceil((-this.#frames * 1_000) / rate) };
  }
}
