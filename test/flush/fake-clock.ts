import { nextTurn } from '../../src/base/next-turn.ts';
import type { Clock } from '../../src/base/clock.ts';

interface Timer {
  atMs: number;
  readonly periodMs: number | undefined;
  readonly work: () => void;
}

/** Turns of the event loop in which work that waits for nothing but promises and streams is done. */
const TURNS = 40;

export async function turns(count: number = TURNS): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs = 1_000_000;

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, work: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + delayMs, periodMs: undefined, work });
  }

  every(periodMs: number, work: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + periodMs, periodMs, work });
  }

  /** Milliseconds until each timer that is set fires, in order. */
  get waits(): number[] {
    return [...this.#timers].map((timer) => timer.atMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Moves the clock on and fires what is due, each timer at its time; work that it begins is done before the next. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await turns();
    for (let timer = this.#next(untilMs); timer !== undefined; timer = this.#next(untilMs)) {
      this.#nowMs = timer.atMs;
      if (timer.periodMs === undefined) this.#timers.delete(timer);
      else timer.atMs += timer.periodMs;
      timer.work();
      await turns();
    }
    this.#nowMs = untilMs;
  }

  /** Moves the clock on at once, as a step of the system's clock does: timers due fire with the next `advance`. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
  }

  #next(untilMs: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.atMs <= untilMs);
    return due.sort((a, b) => a.atMs - b.atMs)[0];
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}
