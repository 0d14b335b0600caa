const MIN_PRICE_DIGITS = 2;
const MAX_PRICE_DIGITS = 4;
const MICROS_A_SECOND = 1_000_000;
const SECONDS_A_DAY = 86_400;

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const dateAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** Digits behind the point that a price needs, from 2 to 4. */
export function priceDigits(price: number): number {
  for (let digits = MIN_PRICE_DIGITS; digits < MAX_PRICE_DIGITS; digits++) {
    if (Math.abs(price * 10 ** digits - Math.round(price * 10 ** digits)) < 1e-6) return digits;
  }
  return MAX_PRICE_DIGITS;
}

export function formatPrice(price: number, digits: number): string {
  return Number.isNaN(price) ? '–' : price.toFixed(digits);
}

/** With its sign, also where it is nothing: `+0.00` would lie, so nothing has none. */
export function formatSigned(value: number | undefined, digits: number, unit = ''): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return `${text}${unit}`;
  return `${value > 0 ? '+' : '−'}${text}${unit}`;
}

export function formatWhole(value: number): string {
  return whole.format(value);
}

/** Time of day where the day began at `dayBeginMicros`; with the date, in the reader's zone, where it is another day. */
export function formatTime(timeMicros: number, dayBeginMicros: number): string {
  const seconds = Math.floor((timeMicros - dayBeginMicros) / MICROS_A_SECOND);
  if (dayBeginMicros === 0 || seconds < 0 || seconds >= SECONDS_A_DAY) {
    return timeMicros === 0 ? '–' : dateAndTime.format(timeMicros / 1_000);
  }
  return [seconds / 3_600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':');
}

export function formatLag(lagMs: number): string {
  return lagMs < 1_000 ? `${Math.round(lagMs)} ms` : `${(lagMs / 1_000).toFixed(1)} s`;
}
