const WINDOW_MS = 1_000;
/** Ticks older than this are of another day, and say nothing of the connection. */
const MAX_LAG_MS = 60_000;
const MAX_SAMPLES = 500;

/** Rate and lag of ticks over the last second. Pure; times are given. */
export class LivePulse {
  #ticks = 0;
  #lags: number[] = [];
  #windowFromMs = 0;
  #rate = 0;
  #lagMs: number | undefined;

  /** A tick came. @param lagMs from its time to its arrival, by two clocks */
  tick(lagMs: number): void {
    this.#ticks += 1;
    if (lagMs < MAX_LAG_MS && this.#lags.length < MAX_SAMPLES) this.#lags.push(Math.max(0, lagMs));
  }

  /** Ends the window if it is over. @returns whether the numbers are new */
  rollOver(nowMs: number): boolean {
    const passedMs = nowMs - this.#windowFromMs;
    if (passedMs < WINDOW_MS) return false;
    this.#rate = (this.#ticks * 1_000) / passedMs;
    const sorted = this.#lags.sort((a, b) => a - b);
    this.#lagMs = sorted[sorted.length >> 1];
    this.#ticks = 0;
    this.#lags = [];
    this.#windowFromMs = nowMs;
    return true;
  }

  get ticksPerSecond(): number {
    return this.#rate;
  }

  /** Median; undefined when no tick of now came. */
  get lagMs(): number | undefined {
    return this.#lagMs;
  }
}
