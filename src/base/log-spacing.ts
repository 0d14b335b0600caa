import { TokenBucket } from './token-bucket.ts';

const BURST = 50;
const PER_SECOND = 1;
/** More messages than the program has. */
const MAX_MESSAGES = 1_000;

interface Spaced {
  readonly bucket: TokenBucket;
  suppressed: number;
}

/**
 * Spacing of log lines: bursts of 50 of one message, then one a second, with how many were left out. A stranger can cause
 * many of the same line, and could fill a disk with them.
 */
export class LogSpacing {
  readonly #messages = new Map<string, Spaced>();

  /** @returns how many lines of the message were left out before this one; undefined: leave this one out too */
  pass(message: string, nowMs: number): number | undefined {
    const key = this.#messages.has(message) || this.#messages.size < MAX_MESSAGES ? message : '';
    let spaced = this.#messages.get(key);
    if (spaced === undefined) {
      spaced = { bucket: new TokenBucket(PER_SECOND, BURST, nowMs), suppressed: 0 };
      this.#messages.set(key, spaced);
    }
    if (!spaced.bucket.tryTake(nowMs)) {
      spaced.suppressed += 1;
      return undefined;
    }
    const { suppressed } = spaced;
    spaced.suppressed = 0;
    return suppressed;
  }
}
