/** Wall clock and timers: classes that wait take one as an option, so that a test can move time by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `work` once, after `delayMs`. @returns cancels it */
  after(delayMs: number, work: () => void): () => void;
  /** Calls `work` every `periodMs`, without keeping the process alive. @returns ends it */
  every(periodMs: number, work: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
  every: (periodMs, work) => {
    const timer = setInterval(work, periodMs).unref();
    return () => clearInterval(timer);
  },
};

/** Resolves after `delayMs` of this clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
