import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type BatchBar, buildBars } from '../../src/flush/bar-builder.ts';
import { MINUTE_MICROS, type MinuteBar, turnoverMillionths } from '../../src/market/minute-bar.ts';
import type { Tick } from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';
import { columnsOf } from './tick-frames.ts';

const test = suite('bar builder');
const MINUTE = 1_764_576_000_000_000;

function barsOf(ticks: readonly Tick[], without: ReadonlySet<number> = new Set()): BatchBar[] {
  const columns = columnsOf(ticks);
  return buildBars(columns, without);
}

const tick = (symbol: string, price: number, volume: number, seconds: number): Tick => ({
  symbol,
  price,
  volume,
  timeMicros: MINUTE + seconds * 1_000_000,
});

/** The same said plainly: for each symbol and minute look through all ticks. */
function naiveBars(ticks: readonly Tick[]): MinuteBar[] {
  const minuteOf = (each: Tick): number => Math.floor(each.timeMicros / MINUTE_MICROS) * MINUTE_MICROS;
  const symbols = [...new Set(ticks.map((each) => each.symbol))].sort();
  return symbols.flatMap((symbol) => {
    const ofSymbol = ticks.filter((each) => each.symbol === symbol);
    const minutes = [...new Set(ofSymbol.map(minuteOf))].sort((a, b) => a - b);
    return minutes.map((minuteMicros) => {
      const group = ofSymbol.filter((each) => minuteOf(each) === minuteMicros);
      const times = group.map((each) => each.timeMicros);
      const [openMicros, closeMicros] = [Math.min(...times), Math.max(...times)];
      const prices = group.map((each) => each.price);
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      return {
        symbol,
        minuteMicros,
        open: group.find((each) => each.timeMicros === openMicros)?.price ?? Number.NaN,
        high: Math.max(...prices),
        low: Math.min(...prices),
        close: group.findLast((each) => each.timeMicros === closeMicros)?.price ?? Number.NaN,
        volume: sum(group.map((each) => each.volume)),
        trades: group.length,
        turnoverMillionths: sum(group.map((each) => turnoverMillionths(each.price, each.volume))),
        openMicros,
        closeMicros,
      };
    });
  });
}

test('a minute', () => {
  const bars = barsOf([tick('COMI', 45, 100, 1), tick('COMI', 47, 10, 30), tick('COMI', 44, 1, 59.999999)]);
  assert.equal(bars, [
    {
      symbol: 'COMI',
      minuteMicros: MINUTE,
      open: 45,
      high: 47,
      low: 44,
      close: 44,
      volume: 111,
      trades: 3,
      turnoverMillionths: 5_014_000_000,
      openMicros: MINUTE + 1_000_000,
      closeMicros: MINUTE + 59_999_999,
    },
  ]);
});

test('no tick, no bar', () => {
  assert.equal(barsOf([]), []);
  assert.equal(barsOf([tick('A', 1, 1, 0)], new Set([0])), []);
});

test('ties go by arrival: the first opens, the last closes', () => {
  const [bar] = barsOf([tick('A', 1, 1, 5), tick('A', 2, 1, 5), tick('A', 3, 1, 5)]);
  assert.equal([bar?.open, bar?.close], [1, 3]);
});

test('ticks out of order: the earliest opens, the latest closes', () => {
  const [bar] = barsOf([tick('A', 1, 1, 30), tick('A', 2, 1, 10), tick('A', 3, 1, 50), tick('A', 4, 1, 20)]);
  assert.equal([bar?.open, bar?.close], [2, 3]);
});

test('sorted by symbol and minute, whatever the order of arrival', () => {
  const bars = barsOf([
    tick('B', 1, 1, 200),
    tick('a', 1, 1, 0),
    tick('B', 1, 1, 0),
    tick('A', 1, 1, 61),
    tick('A', 1, 1, 0),
    tick('B', 1, 1, 100),
  ]);
  assert.equal(
    bars.map((bar) => `${bar.symbol} ${(bar.minuteMicros - MINUTE) / MINUTE_MICROS}`),
    ['A 0', 'A 1', 'B 0', 'B 1', 'B 3', 'a 0'],
  );
});

test('the edges of a minute', () => {
  const bars = barsOf([tick('A', 1, 1, 59.999999), tick('A', 2, 1, 60), tick('A', 3, 1, 0)]);
  assert.equal(
    bars.map((bar) => [bar.open, bar.close, bar.trades]),
    [
      [3, 1, 2],
      [2, 2, 1],
    ],
  );
});

test('sums beyond 2^53 are exact, and rounded once as numbers', () => {
  const price = fc.oneof(
    fc.constantFrom(1e12 - 2 ** -13, 999_999_999_999, 1e-6, 5e-7, 4.9e-7, Number.MIN_VALUE),
    fc.double({ min: 1e-9, max: 1e12, maxExcluded: true, noNaN: true }),
  );
  const volume = fc.oneof(fc.constantFrom(0, 1, 1e12, 1e12 - 1), fc.integer({ min: 0, max: 1e12 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(price, volume), { minLength: 1, maxLength: 60 }), (prints) => {
      const [bar] = barsOf(prints.map(([each, shares]) => tick('A', each, shares, 0)));
      const shares = prints.reduce((sum, print) => sum + BigInt(print[1]), 0n);
      const millionths = prints.reduce((sum, print) => sum + BigInt(turnoverMillionths(...print)), 0n);
      assert.equal([bar?.volume, bar?.turnoverMillionths], [Number(shares), Number(millionths)]);
      assert.is(bar?.exactTurnoverMillionths, isSafe(millionths) ? undefined : millionths);
      assert.is(bar?.exactVolume, undefined, 'sixty ticks do not pass 2^53 shares');
    }),
    { numRuns: 300 },
  );
  const many = Array.from({ length: 10_000 }, (_, i) => tick('A', 1, 1e12 - (i % 3), 0));
  const [bar] = barsOf([...many, tick('A', 1e-6, 1, 0)]);
  const shares = many.reduce((sum, each) => sum + BigInt(each.volume), 1n);
  assert.equal([bar?.exactVolume, bar?.volume], [shares, Number(shares)]);
  const millionths = many.reduce((sum, each) => sum + BigInt(turnoverMillionths(1, each.volume)), 1n);
  assert.is(bar?.exactTurnoverMillionths, millionths);
});

function isSafe(sum: bigint): boolean {
  return sum <= BigInt(Number.MAX_SAFE_INTEGER);
}

test('turnover is whole millionths, half of one up', () => {
  assert.is(turnoverMillionths(0.000_000_4, 1), 0);
  assert.is(turnoverMillionths(0.000_000_5, 1), 1);
  assert.is(turnoverMillionths(45.55, 1_000), 45_550_000_000);
  assert.is(turnoverMillionths(45.55, 0), 0);
});

test('the bars of any ticks are those of the plain way, with and without some rows', () => {
  const anyTick = fc.record(
    {
      symbol: fc.constantFrom('A', 'B', 'COMI', 'a', 'B.1'),
      price: fc.integer({ min: 1, max: 9_999 }).map((cents) => cents / 100),
      volume: fc.nat(1_000_000),
      timeMicros: fc
        .integer({ min: 0, max: 5 })
        .chain((minute) =>
          fc.constantFrom(0, 1, 30_000_000, 59_999_999).map((micros) => MINUTE + minute * MINUTE_MICROS + micros),
        ),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(anyTick, { maxLength: 60 }), fc.array(fc.nat(60), { maxLength: 10 }), (ticks, left) => {
      const without = new Set(left.filter((row) => row < ticks.length));
      assert.equal(barsOf(ticks, without), naiveBars(ticks.filter((_, row) => !without.has(row))));
    }),
    { numRuns: 1_000 },
  );
});
