import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  checkPrice,
  checkTime,
  checkVolume,
  formatMicros,
  isSymbol,
  MAX_FUTURE_MICROS,
  MIN_TIME_MICROS,
  parseIsoMicros,
  SYMBOL_BYTES,
} from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';

const test = suite('tick');
const NOW = 1_764_576_000_000_000;

const TIMES: ReadonlyArray<readonly [text: string, micros: number]> = [
  ['2025-12-01T08:00:00Z', NOW],
  ['2025-12-01T08:00:00z', NOW],
  ['2025-12-01 08:00:00Z', NOW],
  ['2025-12-01T08:00Z', NOW],
  ['2025-12-01T10:00:00+02:00', NOW],
  ['2025-12-01T10:00:00+0200', NOW],
  ['2025-12-01T10:00:00+02', NOW],
  ['2025-11-30T22:30:00-09:30', NOW],
  ['2025-12-01T23:00:00+15:00', NOW],
  ['2025-12-01T08:00:00.5Z', NOW + 500_000],
  ['2025-12-01T08:00:00,5Z', NOW + 500_000],
  ['2025-12-01T08:00:00.000001Z', NOW + 1],
  ['2025-12-01T08:00:00.1234567Z', NOW + 123_456],
  ['2025-12-01T08:00:00.123456999999Z', NOW + 123_456],
  ['2024-02-29T00:00:00Z', 1_709_164_800_000_000],
  ['1970-01-01T00:00:00Z', 0],
  ['1969-12-31T23:59:59.999999Z', -1],
  ['9999-12-31T23:59:59Z', 253_402_300_799_000_000],
];
for (const [text, micros] of TIMES) test(`time ${text}`, () => assert.is(parseIsoMicros(text), micros));

const NO_TIMES = [
  '',
  'now',
  '2025-12-01',
  '2025-12-01T08:00:00',
  '2025-12-01T08:00:00.Z',
  '2025-12-01T08:00:00.1234567890123Z',
  '2025-12-01T24:00:00Z',
  '2025-12-01T08:60:00Z',
  '2025-12-01T08:00:60Z',
  '2025-02-29T00:00:00Z',
  '2025-13-01T00:00:00Z',
  '2025-00-10T00:00:00Z',
  '2025-04-31T00:00:00Z',
  '2025-12-01T08:00:00+16:00',
  '2025-12-01T08:00:00+02:60',
  '2025-12-01T08:00:00+2',
  '2025-12-01T08:00:00 Z',
  ' 2025-12-01T08:00:00Z',
  '2025-12-01T08:00:00Z\n',
  '20251201T080000Z',
  '٢٠٢٥-12-01T08:00:00Z',
  '1764576000',
];
for (const text of NO_TIMES)
  test(`no time: ${JSON.stringify(text)}`, () => assert.ok(Number.isNaN(parseIsoMicros(text))));

test('what is written as text is read as the same time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000_000 }), (micros) => {
      const text = formatMicros(micros);
      assert.is(parseIsoMicros(text), micros, text);
      assert.is(Date.parse(text), Math.floor(micros / 1_000));
    }),
  );
});

test('the days of the calendar are those of Date', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1900, max: 2100 }),
      fc.integer({ min: 0, max: 13 }),
      fc.integer({ min: 0, max: 32 }),
      (year, month, day) => {
        const two = (value: number): string => String(value).padStart(2, '0');
        const text = `${year}-${two(month)}-${two(day)}T12:34:56Z`;
        const date = new Date(Date.UTC(year, month - 1, day, 12, 34, 56));
        const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
        assert.equal(parseIsoMicros(text), exists ? date.getTime() * 1_000 : Number.NaN, text);
      },
    ),
  );
});

const PRICES: ReadonlyArray<readonly [price: number, reason: string | undefined]> = [
  [Number.MIN_VALUE, undefined],
  [0.0001, undefined],
  [999_999_999_999.9999, undefined],
  [1e12, 'price_out_of_range'],
  [0, 'price_out_of_range'],
  [-0, 'price_out_of_range'],
  [-1, 'price_out_of_range'],
  [Number.NaN, 'price_invalid'],
  [Infinity, 'price_invalid'],
  [-Infinity, 'price_invalid'],
];
for (const [price, reason] of PRICES) test(`price ${price}`, () => assert.is(checkPrice(price), reason));

const VOLUMES: ReadonlyArray<readonly [volume: number, reason: string | undefined]> = [
  [0, undefined],
  [-0, undefined],
  [1, undefined],
  [1e12, undefined],
  [1e12 + 1, 'volume_out_of_range'],
  [2 ** 63, 'volume_out_of_range'],
  [-1, 'volume_out_of_range'],
  [0.5, 'volume_fractional'],
  [1e-300, 'volume_fractional'],
  [Number.NaN, 'volume_invalid'],
  [Infinity, 'volume_invalid'],
];
for (const [volume, reason] of VOLUMES) test(`volume ${volume}`, () => assert.is(checkVolume(volume), reason));

const BOUNDS: ReadonlyArray<readonly [micros: number, reason: string | undefined]> = [
  [MIN_TIME_MICROS, undefined],
  [MIN_TIME_MICROS - 1, 'time_out_of_range'],
  [NOW + MAX_FUTURE_MICROS, undefined],
  [NOW + MAX_FUTURE_MICROS + 1, 'time_out_of_range'],
  [0, 'time_out_of_range'],
  [2 ** 64, 'time_out_of_range'],
  [NOW + 0.5, 'time_invalid'],
  [Number.NaN, 'time_invalid'],
  [Infinity, 'time_invalid'],
];
for (const [micros, reason] of BOUNDS) test(`time ${micros}`, () => assert.is(checkTime(micros, NOW), reason));

test('symbols', () => {
  for (const symbol of ['COMI', 'a', 'BRK.B', 'EGX30~', '^GSPC', 'EUR=X', 'A+', 'C/D', 'x:y_z-1', 'X'.repeat(32)])
    assert.ok(isSymbol(symbol), symbol);
  for (const symbol of ['', ' ', 'A B', 'X'.repeat(33), 'كومي', 'A\n', '\nA', 'A\0', "A'", 'A"', 'A,B', '*', 'É'])
    assert.not.ok(isSymbol(symbol), JSON.stringify(symbol));
});

test('a symbol of bytes is a symbol of text', () => {
  for (let byte = 0; byte < 256; byte++) {
    const text = Buffer.from([byte]).toString('latin1');
    assert.is(SYMBOL_BYTES[byte] === 1, isSymbol(text), `byte ${byte}`);
  }
});
