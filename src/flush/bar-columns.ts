import { InvariantError } from '../errors.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import type { BatchBar } from './bar-builder.ts';
import {
  float8Array,
  int8Array,
  numericArray,
  readFloat8Array,
  readInt8Array,
  readTimestampArray,
  textArray,
  timestampArray,
} from './binary-arrays.ts';

/**
 * Bars as the upsert takes them (parameters of store/sql/upsert-bars.sql), a column each. Pure.
 * @param bars sorted by (symbol, minute), symbols compared by code unit, each pair once
 * @throws {InvariantError} when they are not
 */
export function encodeBars(bars: readonly BatchBar[]): Buffer[] {
  refuseUnsorted(bars);
  return [
    textArray(bars.map((bar) => bar.symbol)),
    timestampArray(bars.map((bar) => bar.minuteMicros)),
    float8Array(bars.map((bar) => bar.open)),
    float8Array(bars.map((bar) => bar.high)),
    float8Array(bars.map((bar) => bar.low)),
    float8Array(bars.map((bar) => bar.close)),
    numericArray(bars.map((bar) => bar.exactVolume ?? bar.volume)),
    int8Array(bars.map((bar) => bar.trades)),
    numericArray(bars.map((bar) => bar.exactTurnoverMillionths ?? bar.turnoverMillionths)),
    timestampArray(bars.map((bar) => bar.openMicros)),
    timestampArray(bars.map((bar) => bar.closeMicros)),
  ];
}

/**
 * The bars as they are stored now, from the columns that the upsert of `bars` returned.
 * @returns bars whose `volume` and `turnoverMillionths` are rounded above 2^53
 * @throws {InvariantError} when the columns are not those of `bars`; {RangeError} when they are no arrays
 */
export function decodeBars(bars: readonly MinuteBar[], columns: readonly Buffer[]): MinuteBar[] {
  if (columns.length !== COLUMN_READERS.length) throw new InvariantError('bars of a flush came back in other columns');
  const [minutes = [], ...values] = columns.map((column, index) => COLUMN_READERS[index]?.(column) ?? []);
  const [
    open = [],
    high = [],
    low = [],
    close = [],
    volume = [],
    trades = [],
    turnover = [],
    openAt = [],
    closeAt = [],
  ] = values;
  if (minutes.length !== bars.length) throw new InvariantError('not all bars of a flush came back');
  return bars.map(({ symbol, minuteMicros }, index) => {
    // PostgreSQL inserts, and returns, in the order of the arrays; a bar must never get another one's numbers.
    if (minutes[index] !== minuteMicros) throw new InvariantError('bars of a flush came back in another order');
    return {
      symbol,
      minuteMicros,
      open: open[index] ?? Number.NaN,
      high: high[index] ?? Number.NaN,
      low: low[index] ?? Number.NaN,
      close: close[index] ?? Number.NaN,
      volume: volume[index] ?? Number.NaN,
      trades: trades[index] ?? Number.NaN,
      turnoverMillionths: turnover[index] ?? Number.NaN,
      openMicros: openAt[index] ?? Number.NaN,
      closeMicros: closeAt[index] ?? Number.NaN,
    };
  });
}

/** Of what is returned: time, open, high, low, close, volume, trades, turnover, open_time, close_time. */
const COLUMN_READERS: ReadonlyArray<(column: Buffer) => number[]> = [
  readTimestampArray,
  readFloat8Array,
  readFloat8Array,
  readFloat8Array,
  readFloat8Array,
  readFloat8Array,
  readInt8Array,
  readFloat8Array,
  readTimestampArray,
  readTimestampArray,
];

function refuseUnsorted(bars: readonly MinuteBar[]): void {
  for (let i = 1; i < bars.length; i++) {
    const before = bars[i - 1];
    const bar = bars[i];
    if (before === undefined || bar === undefined) continue;
    if (before.symbol < bar.symbol || (before.symbol === bar.symbol && before.minuteMicros < bar.minuteMicros)) {
      continue;
    }
    throw new InvariantError('bars of a flush must be sorted by symbol and minute, each pair once');
  }
}
