/** How much each part of a bench does. */
export interface BenchSize {
  readonly name: 'quick' | 'full';
  /** Time of one acknowledgement run, after a second of warm-up. */
  readonly ackMs: number;
  readonly flushRows: number;
  readonly flushRounds: number;
  readonly manySymbols: number;
  /** Sustained feed to committed, as fast as it goes. */
  readonly sustainedMs: number;
  /** At a fixed rate, for latencies. */
  readonly steadyMs: number;
  readonly liveMs: number;
  /** Half the maximum rate, for memory over time. */
  readonly soakMs: number;
  readonly growthRows: number;
  readonly growthRounds: number;
  readonly growthFeedsMs: number;
}

export const QUICK: BenchSize = {
  name: 'quick',
  ackMs: 1_500,
  flushRows: 300_000,
  flushRounds: 1,
  manySymbols: 10_000,
  sustainedMs: 6_000,
  steadyMs: 4_000,
  liveMs: 4_000,
  soakMs: 8_000,
  growthRows: 100_000,
  growthRounds: 1,
  growthFeedsMs: 1_500,
};

export const FULL: BenchSize = {
  name: 'full',
  ackMs: 10_000,
  flushRows: 2_000_000,
  flushRounds: 5,
  manySymbols: 10_000,
  sustainedMs: 60_000,
  steadyMs: 30_000,
  liveMs: 20_000,
  soakMs: 600_000,
  growthRows: 500_000,
  growthRounds: 1,
  growthFeedsMs: 8_000,
};

/** Dashboards and rates of the live part; the same in both sizes, so that quick figures can be compared. */
export const LIVE_RUNS = [
  { name: '500 dashboards of 20 symbols', subscribers: 500, subscribe: 20, rate: 10_000 },
  { name: '500 dashboards of every symbol', subscribers: 500, subscribe: '*', rate: 8_000 },
] as const;

export const FRAME_SIZES = [500, 50, 1] as const;
export const MAX_IN_FLIGHT = 2_000;
export const STEADY_TICKS_A_SECOND = 20_000;
/** Frames of one tick come at this rate where memory is measured. */
export const SMALL_FRAMES_A_SECOND = 100_000;
