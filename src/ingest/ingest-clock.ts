/** Time as ingest uses it: the system's, or a test's own. */
export interface IngestClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `run` once, after `delayMs` milliseconds. @returns cancels it; harmless when it has run */
  schedule(run: () => void, delayMs: number): () => void;
}

export const systemClock: IngestClock = {
  now: () => Date.now(),
  schedule: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
