import { MAX_FUTURE_MICROS, MIN_TIME_MICROS } from '../../src/market/tick.ts';
import { float32, float64, hex, intForms, textForms, timestampForms } from './msgpack-forms.ts';

/** The gateway's clock in these tests: 2025-12-01T08:00:00Z. */
export const NOW = 1_764_576_000_000_000;

export const first = (forms: readonly Buffer[]): Buffer => forms[0] ?? Buffer.alloc(0);
export const COMI: Buffer = first(textForms('COMI'));
export const PRICE: Buffer = float64(45.5);
export const VOLUME: Buffer = first(intForms(100n));
export const TIME: Buffer = first(intForms(BigInt(NOW)));

/** A field of a tick, as msgpack and as JSON where JSON can say it, and what is wrong with it. */
export interface FieldCase {
  readonly what: string;
  readonly bytes: Buffer;
  readonly json?: unknown;
  readonly reason: string | undefined;
}

const SYMBOLS: readonly FieldCase[] = [
  { what: 'a symbol', bytes: COMI, json: 'COMI', reason: undefined },
  { what: '32 characters', bytes: first(textForms('X'.repeat(32))), json: 'X'.repeat(32), reason: undefined },
  { what: '33 characters', bytes: first(textForms('X'.repeat(33))), json: 'X'.repeat(33), reason: 'symbol_invalid' },
  { what: '300 characters', bytes: first(textForms('X'.repeat(300))), json: 'X'.repeat(300), reason: 'symbol_invalid' },
  { what: 'empty', bytes: hex('a0'), json: '', reason: 'symbol_invalid' },
  { what: 'a space', bytes: first(textForms('A B')), json: 'A B', reason: 'symbol_invalid' },
  { what: 'a zero byte', bytes: first(textForms('A\0')), json: 'A\0', reason: 'symbol_invalid' },
  { what: 'Arabic', bytes: first(textForms('كومي')), json: 'كومي', reason: 'symbol_invalid' },
  { what: 'not UTF-8', bytes: hex('a2 ff fe'), reason: 'symbol_invalid' },
  { what: 'a number', bytes: hex('07'), json: 7, reason: 'symbol_invalid' },
  { what: 'nil', bytes: hex('c0'), json: null, reason: 'symbol_invalid' },
  { what: 'true', bytes: hex('c3'), json: true, reason: 'symbol_invalid' },
];

const PRICES: readonly FieldCase[] = [
  { what: 'a double', bytes: PRICE, json: 45.5, reason: undefined },
  { what: 'a whole number', bytes: hex('2d'), json: 45, reason: undefined },
  { what: 'a float', bytes: float32(45.5), json: 45.5, reason: undefined },
  { what: 'the smallest', bytes: float64(Number.MIN_VALUE), json: Number.MIN_VALUE, reason: undefined },
  { what: 'nearly 10^12', bytes: float64(999_999_999_999.9), json: 999_999_999_999.9, reason: undefined },
  { what: '10^12', bytes: float64(1e12), json: 1e12, reason: 'price_out_of_range' },
  { what: '2^64 - 1', bytes: hex('cf ff ff ff ff ff ff ff ff'), json: 2 ** 64, reason: 'price_out_of_range' },
  { what: '0', bytes: hex('00'), json: 0, reason: 'price_out_of_range' },
  { what: '-0', bytes: float64(-0), json: 0, reason: 'price_out_of_range' },
  { what: 'below 0', bytes: float64(-1), json: -1, reason: 'price_out_of_range' },
  { what: 'NaN', bytes: float64(Number.NaN), reason: 'price_invalid' },
  { what: 'infinite', bytes: float64(Infinity), reason: 'price_invalid' },
  { what: 'minus infinite', bytes: float64(-Infinity), reason: 'price_invalid' },
  { what: 'an infinite float', bytes: hex('ca 7f 80 00 00'), reason: 'price_invalid' },
  { what: 'a text', bytes: hex('a4 34 35 2e 35'), json: '45.5', reason: 'price_invalid' },
  { what: 'nil', bytes: hex('c0'), json: null, reason: 'price_invalid' },
];

const VOLUMES: readonly FieldCase[] = [
  { what: '0', bytes: hex('00'), json: 0, reason: undefined },
  { what: '10^12', bytes: first(intForms(10n ** 12n)), json: 1e12, reason: undefined },
  { what: 'a whole double', bytes: float64(100), json: 100, reason: undefined },
  { what: 'a whole float', bytes: float32(100), json: 100, reason: undefined },
  { what: '-0', bytes: float64(-0), json: -0, reason: undefined },
  { what: '10^12 + 1', bytes: first(intForms(10n ** 12n + 1n)), json: 1e12 + 1, reason: 'volume_out_of_range' },
  { what: '2^63', bytes: hex('cf 80 00 00 00 00 00 00 00'), json: 2 ** 63, reason: 'volume_out_of_range' },
  { what: '-1', bytes: hex('ff'), json: -1, reason: 'volume_out_of_range' },
  { what: '-2^63', bytes: hex('d3 80 00 00 00 00 00 00 00'), json: -(2 ** 63), reason: 'volume_out_of_range' },
  { what: 'a half', bytes: float64(0.5), json: 0.5, reason: 'volume_fractional' },
  { what: 'NaN', bytes: float64(Number.NaN), reason: 'volume_invalid' },
  { what: 'infinite', bytes: float64(Infinity), reason: 'volume_invalid' },
  { what: 'a text', bytes: hex('a3 31 30 30'), json: '100', reason: 'volume_invalid' },
  { what: 'nil', bytes: hex('c0'), json: null, reason: 'volume_invalid' },
];

export const iso = (text: string): Buffer => first(textForms(text));
export const micros = (value: number): Buffer => first(intForms(BigInt(value)));

const TIMES: readonly FieldCase[] = [
  { what: 'microseconds', bytes: TIME, json: NOW, reason: undefined },
  { what: 'a double', bytes: float64(NOW), json: NOW, reason: undefined },
  { what: 'nil: now', bytes: hex('c0'), json: null, reason: undefined },
  { what: 'text in UTC', bytes: iso('2025-12-01T08:00:00Z'), json: '2025-12-01T08:00:00Z', reason: undefined },
  {
    what: 'text in Cairo',
    bytes: iso('2025-12-01T10:00:00+02:00'),
    json: '2025-12-01T10:00:00+02:00',
    reason: undefined,
  },
  { what: 'the first one', bytes: micros(MIN_TIME_MICROS), json: MIN_TIME_MICROS, reason: undefined },
  { what: 'in 5 minutes', bytes: micros(NOW + MAX_FUTURE_MICROS), json: NOW + MAX_FUTURE_MICROS, reason: undefined },
  { what: 'before 2000', bytes: micros(MIN_TIME_MICROS - 1), json: MIN_TIME_MICROS - 1, reason: 'time_out_of_range' },
  { what: 'in milliseconds', bytes: micros(NOW / 1_000), json: NOW / 1_000, reason: 'time_out_of_range' },
  {
    what: 'in nanoseconds',
    bytes: first(intForms(BigInt(NOW) * 1_000n)),
    json: NOW * 1_000,
    reason: 'time_out_of_range',
  },
  {
    what: 'later than 5 minutes',
    bytes: micros(NOW + MAX_FUTURE_MICROS + 1),
    json: NOW + MAX_FUTURE_MICROS + 1,
    reason: 'time_out_of_range',
  },
  { what: '0', bytes: hex('00'), json: 0, reason: 'time_out_of_range' },
  { what: 'below 0', bytes: hex('d3 ff ff ff ff ff ff ff ff'), json: -1, reason: 'time_out_of_range' },
  { what: '2^64 - 1', bytes: hex('cf ff ff ff ff ff ff ff ff'), json: 2 ** 64, reason: 'time_out_of_range' },
  { what: 'a fraction', bytes: float64(NOW + 0.5), json: NOW + 0.5, reason: 'time_invalid' },
  { what: 'NaN', bytes: float64(Number.NaN), reason: 'time_invalid' },
  {
    what: 'text without a zone',
    bytes: iso('2025-12-01T08:00:00'),
    json: '2025-12-01T08:00:00',
    reason: 'time_invalid',
  },
  {
    what: 'a day that there is not',
    bytes: iso('2025-02-29T08:00:00Z'),
    json: '2025-02-29T08:00:00Z',
    reason: 'time_invalid',
  },
  { what: 'some text', bytes: iso('yesterday'), json: 'yesterday', reason: 'time_invalid' },
  { what: 'true', bytes: hex('c3'), json: true, reason: 'time_invalid' },
  ...timestampForms(BigInt(NOW) / 1_000_000n, 0).map((bytes) => ({
    what: `a timestamp of ${bytes.length} bytes`,
    bytes,
    reason: undefined,
  })),
  { what: 'a timestamp of 1970', bytes: hex('d6 ff 00 00 00 01'), reason: 'time_out_of_range' },
  {
    what: 'a timestamp far off',
    bytes: hex('c7 0c ff 00 00 00 00 7f ff ff ff ff ff ff ff'),
    reason: 'time_out_of_range',
  },
];

export const FIELDS: ReadonlyArray<readonly [name: string, at: number, cases: readonly FieldCase[]]> = [
  ['symbol', 0, SYMBOLS],
  ['price', 1, PRICES],
  ['volume', 2, VOLUMES],
  ['time', 3, TIMES],
];
