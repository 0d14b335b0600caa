import { checkTime, formatMicros, MAX_FUTURE_MICROS, MIN_TIME_MICROS } from '../../src/market/tick.ts';
import { FeedError } from './feed-errors.ts';

/** The rule for a tick's time, for messages. */
export const TIME_RULE =
  'timeMicros is in whole microseconds since 1970, from 2000 to 5 minutes ahead, such as Date.now() * 1000';

/** Other units of time, and the factor that makes them microseconds. */
const UNITS = [
  ['seconds', 1e6],
  ['milliseconds', 1e3],
  ['nanoseconds', 1e-3],
] as const;

/**
 * Range check of ticks' times before they are sent, so that a wrong unit is found where it is made. The clock is read
 * only for times behind the last bound.
 */
export class TimeRange {
  readonly #nowMs: () => number;
  #latestMicros = 0;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** @throws {FeedError} with the unit it seems to be in, for a time that no tick can have */
  check(timeMicros: number): void {
    if (timeMicros >= MIN_TIME_MICROS && timeMicros <= this.#latestMicros && Number.isInteger(timeMicros)) return;
    const nowMicros = this.#nowMs() * 1_000;
    this.#latestMicros = nowMicros + MAX_FUTURE_MICROS;
    const fault = timeFault(timeMicros, nowMicros);
    if (fault !== undefined) throw new FeedError(`${fault}: ${TIME_RULE}`);
  }
}

/** @throws {FeedError} for a time that is no number, or no whole one */
export function checkWholeTime(timeMicros: number): void {
  if (Number.isInteger(timeMicros)) return;
  throw new FeedError(`${typeFault(timeMicros) ?? `timeMicros ${timeMicros} is not whole`}: ${TIME_RULE}`);
}

function timeFault(timeMicros: number, nowMicros: number): string | undefined {
  const reason = checkTime(timeMicros, nowMicros);
  if (reason === undefined) return undefined;
  const typed = typeFault(timeMicros);
  if (typed !== undefined) return typed;
  for (const [unit, factor] of UNITS) {
    const micros = Math.floor(timeMicros * factor);
    if (checkTime(micros, nowMicros) === undefined) {
      return `timeMicros ${timeMicros} looks like ${unit} (${formatMicros(micros)})`;
    }
  }
  if (reason === 'time_invalid') return `timeMicros ${timeMicros} is not whole`;
  return `timeMicros ${timeMicros} lies ${timeMicros < MIN_TIME_MICROS ? 'before 2000' : "more than 5 minutes ahead of this machine's clock"}`;
}

/** A program without types may give anything. */
function typeFault(timeMicros: unknown): string | undefined {
  if (typeof timeMicros === 'string') return `timeMicros is the text ${JSON.stringify(timeMicros.slice(0, 40))}`;
  if (typeof timeMicros !== 'number') return `timeMicros is a ${timeMicros === null ? 'null' : typeof timeMicros}`;
  return Number.isFinite(timeMicros) ? undefined : `timeMicros is ${timeMicros}`;
}
