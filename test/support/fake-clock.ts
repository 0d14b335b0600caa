import type { Clock } from '../../src/base/clock.ts';
import { nextTurn } from '../../src/base/next-turn.ts';

interface Timer {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly work: () => void;
}

/** Turns of the event loop in which work that waits for nothing but promises and streams is done. */
const TURNS = 40;

/** Lets promises and turns of the event loop that follow from what has happened come to their end. */
export async function settle(turns: number = TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs: number;

  /** @param nowMs it begins at the real time, since some stamps of the code under test are real */
  constructor(nowMs: number = Date.now()) {
    this.#nowMs = nowMs;
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

  /** Milliseconds until each timer that is set fires, the next one first. */
  get waits(): number[] {
    return [...this.#timers].map(({ dueMs }) => dueMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass: each timer fires at its time, and work that it begins is done before the next. */
  async advance(ms: number): Promise<void> {
    await settle();
    const endMs = this.#nowMs + ms;
    while (this.#fireNext(endMs)) await settle();
    this.#nowMs = endMs;
  }

  /** Lets time pass within this turn: each timer fires at its time, and promises go on afterwards. */
  advanceAtOnce(ms: number): void {
    const endMs = this.#nowMs + ms;
    while (this.#fireNext(endMs));
    this.#nowMs = endMs;
  }

  /** Moves the clock on at once, as a step of the system's clock does: timers due fire with the next `advance`. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #fireNext(untilMs: number): boolean {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= untilMs);
    const next = due.sort((a, b) => a.dueMs - b.dueMs)[0];
    if (next === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    if (next.periodMs === undefined) this.#timers.delete(next);
    else next.dueMs += next.periodMs;
    next.work();
    return true;
  }

  #set(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}
