import { performance } from 'node:perf_hooks';

export interface LoadClock {
  /** Milliseconds, never going back; the same in all processes of the machine. */
  readonly nowMs: () => number;
  /** Added to `nowMs` it gives milliseconds since the epoch. */
  readonly originMs: number;
}

/**
 * The machine's monotonic clock, which all processes share; Node's own begins with the process.
 * @param originMs that of another process's clock, so that both tell the same time
 */
export function loadClock(originMs?: number): LoadClock {
  const offsetMs = monotonicMs() - performance.now();
  const nowMs = (): number => performance.now() + offsetMs;
  return { nowMs, originMs: originMs ?? performance.timeOrigin - offsetMs };
}

function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
