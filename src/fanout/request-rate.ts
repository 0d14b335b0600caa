const BURST = 200;
const PER_SECOND = 20;

/** Bounds what one client may ask: bursts are free, a flood is not. Pure. */
export class RequestRate {
  #left = BURST;
  #sinceMs: number | undefined;

  /** @returns false when there have been too many */
  take(nowMs: number): boolean {
    const elapsedMs = nowMs - (this.#sinceMs ?? nowMs);
    this.#sinceMs = nowMs;
    this.#left = Math.min(BURST, this.#left + (elapsedMs * PER_SECOND) / 1_000);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
