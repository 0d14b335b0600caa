import type { Random } from './random.ts';

/** Relative density of trading at a moment of continuous trading; only ratios count. */
export type Intensity = (secondsAfterOpen: number, secondsToClose: number) => number;

const OPENING_BURST = { height: 8, fadeSeconds: 200 };
const CLOSING_BURST = { height: 6, fadeSeconds: 240 };

/** A busy opening that fades within minutes, a quiet middle, and a rush before the close. */
export function burstIntensity(secondsAfterOpen: number, secondsToClose: number): number {
  return (
    1 +
    OPENING_BURST.height * Math.exp(-secondsAfterOpen / OPENING_BURST.fadeSeconds) +
    CLOSING_BURST.height * Math.exp(-secondsToClose / CLOSING_BURST.fadeSeconds)
  );
}

export interface ArrivalOptions {
  readonly startMicros: number;
  /** Whole seconds; Infinity for a market that never closes. */
  readonly seconds: number;
  /** Expected arrivals in the second with this number, from 0. */
  readonly expected: (second: number) => number;
}

/** Instants of a Poisson process whose rate is constant within each second, in order, in whole microseconds. */
export function* arrivalTimes(random: Random, options: ArrivalOptions): Generator<number> {
  const { startMicros, seconds, expected } = options;
  /** The next arrival, counted in expected arrivals from the start of the second. */
  let due = random.exponential();
  for (let second = 0; second < seconds; second++) {
    const inSecond = expected(second);
    while (due < inSecond) {
      yield startMicros + Math.floor((second + due / inSecond) * 1e6);
      due += random.exponential();
    }
    due -= inSecond;
  }
}

/** Arrivals per second that follow `intensity` over a span and are `ticksPerSecond` on average. */
export function expectedArrivals(
  seconds: number,
  ticksPerSecond: number,
  intensity: Intensity,
): (second: number) => number {
  const relative = Float64Array.from({ length: seconds }, (_, second) => intensity(second, seconds - second));
  const scale = (ticksPerSecond * seconds) / relative.reduce((sum, each) => sum + each, 0);
  return (second) => (relative[second] ?? 0) * scale;
}
