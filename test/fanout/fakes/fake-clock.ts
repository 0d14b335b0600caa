import type { Clock } from '../../../src/base/clock.ts';
import { nextTurn } from '../../../src/base/next-turn.ts';

interface Timer {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly work: () => void;
}

/** A clock that only the test moves. It begins at the real time, since some stamps of the code under test are real. */
export class FakeClock implements Clock {
  #nowMs = Date.now();
  readonly #timers = new Set<Timer>();

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, work: () => void): () => void {
    return this.#set({ dueMs: this.#nowMs + delayMs, periodMs: undefined, work });
  }

  every(periodMs: number, work: () => void): () => void {
    return this.#set({ dueMs: this.#nowMs + periodMs, periodMs, work });
  }

  /** Lets time pass: timers fire one by one at their time, and promises go on after each. */
  async advance(ms: number): Promise<void> {
    await settle();
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#nowMs = next.dueMs;
      if (next.periodMs === undefined) this.#timers.delete(next);
      else next.dueMs += next.periodMs;
      next.work();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #set(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}

/** Lets promises and turns of the event loop that follow from what has happened come to their end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}
