/**
 * The token bucket: tokens come at a steady rate and are kept up to a bound, so that bursts are free and a flood is not.
 * Pure: time is passed in, milliseconds of any clock; one that steps back adds nothing.
 * @example const bucket = new TokenBucket(20, 200, nowMs); if (!bucket.tryTake(nowMs)) refuse();
 */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #refilledMs: number;

  /**
   * @param perSecond tokens that come in a second
   * @param burst at most this many tokens are kept; the bucket begins full
   */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#refilledMs = nowMs;
  }

  /** Takes tokens if there are enough. @returns false when there are not; then nothing is taken */
  tryTake(nowMs: number, count = 1): boolean {
    this.#refill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes tokens in any case. @returns how many are left; below 0 they are owed */
  take(nowMs: number, count = 1): number {
    this.#refill(nowMs);
    this.#tokens -= count;
    return this.#tokens;
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#refilledMs);
    this.#refilledMs = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1_000);
  }
}
