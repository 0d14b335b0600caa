import type { IngestClock } from '../../src/ingest/ingest-clock.ts';

/** A clock that a test moves by hand. */
export class FakeClock implements IngestClock {
  #nowMs: number;
  #timers: Array<{ readonly atMs: number; readonly run: () => void }> = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  /** Delays of what is scheduled, in milliseconds from now, in the order they were asked for. */
  get delays(): number[] {
    return this.#timers.map((timer) => timer.atMs - this.#nowMs);
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(run: () => void, delayMs: number): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Lets time pass, and runs what is due in its order; what promises do with it comes later. */
  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter((timer) => timer.atMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => timer.atMs > this.#nowMs);
    for (const timer of due.sort((a, b) => a.atMs - b.atMs)) timer.run();
  }
}
