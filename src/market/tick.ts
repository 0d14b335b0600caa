/*
 * Validity rules of a tick: the limits stand here and nowhere else.
 */

/** One trade print. */
export interface Tick {
  readonly symbol: string;
  /** In the currency of the symbol. */
  readonly price: number;
  /** Shares. */
  readonly volume: number;
  /** Microseconds since the Unix epoch. */
  readonly timeMicros: number;
}

export const MAX_SYMBOL_LENGTH = 32;
export const MAX_PRICE = 1e12;
export const MAX_VOLUME = 1e12;
/** 2000-01-01T00:00:00Z. */
export const MIN_TIME_MICROS = 946_684_800_000_000;
/** How far a tick's time may lie in the gateway's future. */
export const MAX_FUTURE_MICROS = 300_000_000;
export const DAY_MICROS = 86_400_000_000;
export const MAX_SEQ: number = Number.MAX_SAFE_INTEGER;

/**
 * Why a tick is not stored in the ticks table. The list is closed and its order is part of the stream format:
 * entries in Redis carry the index.
 */
export const REJECT_REASONS = [
  'symbol_invalid',
  'price_invalid',
  'price_out_of_range',
  'volume_invalid',
  'volume_fractional',
  'volume_out_of_range',
  'time_invalid',
  'time_out_of_range',
  'day_spread',
] as const;

export type RejectReason = (typeof REJECT_REASONS)[number];

const SYMBOL = /^[A-Za-z0-9._:~=^+/-]{1,32}$/;

/** For each byte, 1 where it may stand in a symbol: `A–Z a–z 0–9 . _ : ~ = ^ + / -`. */
export const SYMBOL_BYTES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  SYMBOL.test(String.fromCharCode(byte)) ? 1 : 0,
);

export function isSymbol(text: string): boolean {
  return SYMBOL.test(text);
}

/** The reason why `price` is refused, or undefined. */
export function checkPrice(price: number): RejectReason | undefined {
  if (!Number.isFinite(price)) return 'price_invalid';
  return price > 0 && price < MAX_PRICE ? undefined : 'price_out_of_range';
}

/** The reason why `volume` is refused, or undefined. */
export function checkVolume(volume: number): RejectReason | undefined {
  if (!Number.isFinite(volume)) return 'volume_invalid';
  if (!Number.isInteger(volume)) return 'volume_fractional';
  return volume >= 0 && volume <= MAX_VOLUME ? undefined : 'volume_out_of_range';
}

/** The reason why a time is refused, or undefined. `nowMicros` is the gateway's clock. */
export function checkTime(timeMicros: number, nowMicros: number): RejectReason | undefined {
  if (!Number.isInteger(timeMicros)) return 'time_invalid';
  return timeMicros >= MIN_TIME_MICROS && timeMicros <= nowMicros + MAX_FUTURE_MICROS ? undefined : 'time_out_of_range';
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?(Z|z|[+-]\d\d(?::?\d\d)?)$/;

/**
 * Microseconds since the epoch of an ISO-8601 text with a zone; digits beyond microseconds are cut.
 * @returns NaN when the text is not such a time.
 */
export function parseIsoMicros(text: string): number {
  const match = ISO.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const [y, mo, d] = [Number(year), Number(month), Number(day)];
  const [h, mi, s] = [Number(hour), Number(minute), Number(second ?? '0')];
  const date = new Date(Date.UTC(y, mo - 1, d));
  const isRealDay = date.getUTCMonth() === mo - 1 && date.getUTCDate() === d && date.getUTCFullYear() === y;
  if (!isRealDay || h > 23 || mi > 59 || s > 59) return Number.NaN;
  const offsetMinutes = parseZoneMinutes(zone ?? '');
  if (Number.isNaN(offsetMinutes)) return Number.NaN;
  const seconds = date.getTime() / 1000 + h * 3600 + (mi - offsetMinutes) * 60 + s;
  return seconds * 1e6 + Number((fraction ?? '').slice(0, 6).padEnd(6, '0'));
}

function parseZoneMinutes(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2))];
  if (hours > 15 || minutes > 59) return Number.NaN;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** RFC 3339 text with microseconds, in UTC. */
export function formatMicros(timeMicros: number): string {
  const millis = Math.floor(timeMicros / 1000);
  const rest = timeMicros - millis * 1000;
  return `${new Date(millis).toISOString().slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}
