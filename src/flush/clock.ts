/** Time for the classes of this folder that wait and measure; a test passes in a clock of its own. */
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
