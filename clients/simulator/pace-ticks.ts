import type { SimulatedTick } from './generate-ticks.ts';

const DEFAULT_BATCH_TICKS = 500;
/** Sleeps are cut, so that an abort is noticed and a timer's longest time (24.8 days) is never passed. */
const MAX_SLEEP_MS = 60_000;
/** Batches at full speed before the event loop gets a turn, or sockets would starve. */
const BATCHES_A_TURN = 8;

/** The wall clock in microseconds since the Unix epoch, finer than `Date.now()`. */
export function wallMicros(): number {
  return (performance.timeOrigin + performance.now()) * 1_000;
}

export interface PaceClock {
  /** Microseconds since the epoch; must not go back. */
  readonly nowMicros: () => number;
  /** Waits about that long; may end early. */
  readonly sleep: (ms: number) => Promise<void>;
}

export interface PaceOptions extends PaceClock {
  /** 1 is as it happened, 60 a minute in a second, 'max' without waiting. */
  readonly speed: number | 'max';
  /** At most this many ticks in a batch. Default 500. */
  readonly batchTicks?: number;
  /** Ends the iteration; noticed at the next batch or sleep, so let it end `sleep` early too. */
  readonly signal?: AbortSignal;
}

/** Accessors of an item's time: reads it, and makes a copy with another one. */
export interface Timed<T> {
  readonly timeMicros: (item: T) => number;
  /**
   * When given, items are stamped with the wall clock: each with the instant it is due, which is never in the future and
   * keeps their distances (divided by the speed); at 'max' with the instant it is handed over.
   */
  readonly restamp?: (item: T, timeMicros: number) => T;
}

/**
 * Hands items over when they are due, in batches, the first at once. An item older than one before it is due at once. A
 * slow consumer puts nothing off: items that became due meanwhile come at once, so a lag shows as age of the ticks.
 * @throws {RangeError} when the speed is not above 0
 */
export async function* pace<T>(
  items: Iterable<T> | AsyncIterable<T>,
  timed: Timed<T>,
  options: PaceOptions,
): AsyncGenerator<T[], void> {
  const { nowMicros, signal, batchTicks = DEFAULT_BATCH_TICKS } = options;
  const dueAt = options.speed === 'max' ? nowMicros : scheduleFrom(nowMicros, options.speed);
  const isAborted = (): boolean => signal?.aborted === true;
  let reachedMicros = Number.NEGATIVE_INFINITY;
  const isDue = (dueMicros: number): boolean =>
    dueMicros <= reachedMicros || dueMicros <= (reachedMicros = nowMicros());
  let batchesInTurn = 0;
  let batch: T[] = [];
  for await (const item of items) {
    const dueMicros = dueAt(timed.timeMicros(item));
    if (batch.length > 0 && (batch.length >= batchTicks || !isDue(dueMicros))) {
      yield batch;
      batch = [];
      batchesInTurn += 1;
    }
    if (batchesInTurn >= BATCHES_A_TURN) {
      batchesInTurn = 0;
      await options.sleep(0);
    }
    while (!isAborted() && !isDue(dueMicros)) {
      batchesInTurn = 0;
      await options.sleep(Math.min(MAX_SLEEP_MS, Math.ceil((dueMicros - reachedMicros) / 1000)));
    }
    if (isAborted()) return;
    batch.push(timed.restamp === undefined ? item : timed.restamp(item, Math.floor(dueMicros)));
  }
  if (batch.length > 0) yield batch;
}

/** When an item of a time is due, counted from the first one asked for, which is due now. */
function scheduleFrom(nowMicros: () => number, speed: number): (timeMicros: number) => number {
  if (!(speed > 0)) throw new RangeError(`speed ${speed} is not above 0`);
  let startMicros: number | undefined;
  let firstMicros = 0;
  return (timeMicros) => {
    if (startMicros === undefined) {
      startMicros = nowMicros();
      firstMicros = timeMicros;
    }
    return startMicros + (timeMicros - firstMicros) / speed;
  };
}

/** Meaning of a simulated tick's time: that of the session, or (for a demo) the wall clock. */
export type TickStamp = 'session' | 'wall';

/** Paces simulated ticks; see `pace`. */
export function paceTicks(
  ticks: Iterable<SimulatedTick> | AsyncIterable<SimulatedTick>,
  options: PaceOptions & { readonly stamp?: TickStamp },
): AsyncGenerator<SimulatedTick[], void> {
  const timeMicros = (tick: SimulatedTick): number => tick[3];
  if (options.stamp !== 'wall') return pace(ticks, { timeMicros }, options);
  const restamp = (tick: SimulatedTick, time: number): SimulatedTick => [tick[0], tick[1], tick[2], time];
  return pace(ticks, { timeMicros, restamp }, options);
}
