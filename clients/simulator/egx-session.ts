import { SimulationError } from './simulation-error.ts';

const CAIRO = 'Africa/Cairo';
const FRIDAY = 5;
const SATURDAY = 6;
const DAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const DAY_MS = 86_400_000;

/** Instants of one trading day, in microseconds since the epoch. */
export interface EgxSession {
  /** `YYYY-MM-DD` in Cairo. */
  readonly date: string;
  /** Continuous trading begins. */
  readonly openMicros: number;
  /** Continuous trading ends, the closing auction begins: no trades from here … */
  readonly auctionMicros: number;
  /** … to here, where trade-at-close begins: trades at the closing price only. */
  readonly atCloseMicros: number;
  /** The day ends. */
  readonly endMicros: number;
}

export interface EgxSessionOptions {
  /** The shorter day of Ramadan, which closes an hour earlier. Default false. */
  readonly ramadan?: boolean;
}

/**
 * The hours of a day: 10:00, 14:15, 14:25 and 14:30 in Cairo; in Ramadan 10:00, 13:15, 13:25 and 13:30. Public holidays
 * are not known here.
 * @throws {SimulationError} when `date` is no date, or a Friday or Saturday
 */
export function egxSession(date: string, options: EgxSessionOptions = {}): EgxSession {
  const day = dayOfWeek(date);
  if (day === FRIDAY || day === SATURDAY) {
    throw new SimulationError(
      `${date} is a ${DAY_NAMES[day] ?? ''}; the Egyptian Exchange trades Sunday to Thursday`,
      `take ${lastEgxTradingDay(date)}`,
    );
  }
  const closingHour = options.ramadan === true ? 13 : 14;
  return {
    date,
    openMicros: cairoMicros(date, 10, 0),
    auctionMicros: cairoMicros(date, closingHour, 15),
    atCloseMicros: cairoMicros(date, closingHour, 25),
    endMicros: cairoMicros(date, closingHour, 30),
  };
}

/**
 * The trading day that `date` is, or the last one before it.
 * @throws {SimulationError} when `date` is no date
 */
export function lastEgxTradingDay(date: string): string {
  const day = dayOfWeek(date);
  const daysBack = day === FRIDAY ? 1 : day === SATURDAY ? 2 : 0;
  return new Date(Date.parse(date) - daysBack * DAY_MS).toISOString().slice(0, 10);
}

/** The date in Cairo at an instant. */
export function cairoDate(timeMicros: number): string {
  return new Date(Math.floor(timeMicros / 1000) + cairoOffsetMs(timeMicros / 1000)).toISOString().slice(0, 10);
}

function dayOfWeek(date: string): number {
  const midnightMs = /^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(date) : Number.NaN;
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(midnightMs) || new Date(midnightMs).toISOString().slice(0, 10) !== date) {
    throw new SimulationError(`${JSON.stringify(date)} is not a date`, 'write YYYY-MM-DD, such as 2025-12-01');
  }
  return new Date(midnightMs).getUTCDay();
}

function cairoMicros(date: string, hour: number, minute: number): number {
  const wallMs = Date.parse(date) + (hour * 60 + minute) * 60_000;
  const guessMs = wallMs - cairoOffsetMs(wallMs);
  // The guess may lie on the other side of a change of the clocks; its own offset settles that.
  return (wallMs - cairoOffsetMs(guessMs)) * 1000;
}

const cairoClock = new Intl.DateTimeFormat('en-US', {
  timeZone: CAIRO,
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
});

/** How far the clocks of Cairo are ahead of UTC at an instant; from the time-zone data, never a fixed number. */
function cairoOffsetMs(atMs: number): number {
  const wholeMs = Math.floor(atMs / 1000) * 1000;
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const part of cairoClock.formatToParts(wholeMs)) parts[part.type] = Number(part.value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
}
