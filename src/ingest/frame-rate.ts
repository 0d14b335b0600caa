import { TokenBucket } from '../base/token-bucket.ts';

/** Longest debt of frames; a pause longer than this is not back-pressure any more. */
const MAX_DEBT_SECONDS = 10;
/** Debt that is never an offence, however low the rate: one read of a socket may hold so many small frames. */
const MIN_DEBT_FRAMES = 1_000;

export type FrameRateVerdict =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'pause'; readonly pauseMs: number }
  | { readonly kind: 'exceeded' };

const GO_ON: FrameRateVerdict = { kind: 'go-on' };

/**
 * Rate limit of one connection: a token bucket of one second's frames. Beyond it the connection is read later; at most
 * ten seconds' frames may be owed, since a feed that still sends them ignores back-pressure. Pure: time is passed in.
 */
export class FrameRate {
  readonly #framesPerSecond: number;
  readonly #bucket: TokenBucket;

  /** @param framesPerSecond 0: no limit */
  constructor(framesPerSecond: number, nowMs: number) {
    this.#framesPerSecond = framesPerSecond;
    this.#bucket = new TokenBucket(framesPerSecond, framesPerSecond, nowMs);
  }

  /** One frame has come. `pauseMs` is the time until the next one may. */
  take(nowMs: number): FrameRateVerdict {
    const rate = this.#framesPerSecond;
    if (rate === 0) return GO_ON;
    const frames = this.#bucket.take(nowMs);
    if (frames >= 0) return GO_ON;
    if (-frames > Math.max(rate * MAX_DEBT_SECONDS, MIN_DEBT_FRAMES)) return { kind: 'exceeded' };
    return { kind: 'pause', pauseMs: Math.ceil((-frames * 1_000) / rate) };
  }
}
