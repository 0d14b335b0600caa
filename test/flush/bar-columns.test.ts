import * as assert from 'uvu/assert';
import { InvariantError } from '../../src/errors.ts';
import { numericArray } from '../../src/flush/binary-arrays.ts';
import { decodeBars, encodeBars } from '../../src/flush/bar-columns.ts';
import { MINUTE_MICROS, type MinuteBar } from '../../src/market/minute-bar.ts';
import { suite } from '../support/suite.ts';

const test = suite('bars as columns');

function bar(symbol: string, minute: number): MinuteBar {
  const minuteMicros = 1_764_576_000_000_000 + minute * MINUTE_MICROS;
  const price = 10 + minute;
  return {
    symbol,
    minuteMicros,
    open: price,
    high: price + 2,
    low: price - 2,
    close: price + 1,
    volume: 7 + minute,
    trades: 3,
    turnoverMillionths: 12_345_678,
    openMicros: minuteMicros + 1,
    closeMicros: minuteMicros + 59_999_999,
  };
}

const BARS = [bar('ABUK', 0), bar('ABUK', 1), bar('COMI', 0)];

/** Of the columns that are sent, those that come back: all but the symbol; whole sums as double precision. */
function returned(bars: readonly MinuteBar[]): Buffer[] {
  const columns = encodeBars(bars).slice(1);
  columns[5] = doubles(bars.map((each) => each.volume));
  columns[7] = doubles(bars.map((each) => each.turnoverMillionths));
  return columns;
}

function doubles(values: readonly number[]): Buffer {
  const like = bar('X', 0);
  return (
    encodeBars(values.map((open, minute) => ({ ...bar('X', minute), ...like, open, minuteMicros: minute })))[2] ??
    Buffer.alloc(0)
  );
}

test('what comes back is given to the bar it belongs to', () => {
  assert.equal(decodeBars(BARS, returned(BARS)), BARS);
  assert.equal(decodeBars([], returned([])), []);
});

test('a sum beyond 2^53 is sent exactly, not as the number that rounds it', () => {
  const [volumeAt, turnoverAt] = [6, 8];
  const exact = { exactVolume: 2n ** 53n + 1n, exactTurnoverMillionths: 10n ** 30n + 1n };
  const columns = encodeBars([{ ...bar('COMI', 0), volume: 2 ** 53, turnoverMillionths: 1e30, ...exact }]);
  assert.equal(columns[volumeAt], numericArray([exact.exactVolume]));
  assert.equal(columns[turnoverAt], numericArray([exact.exactTurnoverMillionths]));
});

const WRONG: ReadonlyArray<readonly [name: string, columns: readonly Buffer[]]> = [
  ['another order', returned([bar('ABUK', 1), bar('COMI', 0), bar('COMI', 1)])],
  ['fewer', returned(BARS.slice(1))],
  ['more', returned([...BARS, bar('SWDY', 0)])],
  ['nothing', []],
  ['a column less', returned(BARS).slice(1)],
];

for (const [name, columns] of WRONG) {
  test(`what comes back is no other bars: ${name}`, () => {
    assert.throws(
      () => decodeBars(BARS, columns),
      (error: unknown) => error instanceof InvariantError,
    );
  });
}

test('bars out of order, or one twice, are not sent', () => {
  for (const bars of [
    [bar('B', 0), bar('A', 0)],
    [bar('A', 1), bar('A', 0)],
    [bar('A', 0), bar('A', 0)],
  ])
    assert.throws(
      () => encodeBars(bars),
      (error: unknown) => error instanceof InvariantError,
    );
});
