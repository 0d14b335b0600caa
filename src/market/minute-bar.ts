/**
 * One minute of one symbol. As an input to the store it describes the ticks of one batch; as an output it is the row
 * of the bars table, all batches together. All times are integer microseconds since the Unix epoch.
 */
export interface MinuteBar {
  readonly symbol: string;
  /** Start of the minute, divisible by 60,000,000. */
  readonly minuteMicros: number;
  /** Price of the earliest tick; of several at that time, the one that arrived first. */
  readonly open: number;
  readonly high: number;
  readonly low: number;
  /** Price of the latest tick; of several at that time, the one that arrived last. */
  readonly close: number;
  /** Sum of volumes. Exact up to 2^53, rounded to a double above. */
  readonly volume: number;
  /** Number of ticks. */
  readonly trades: number;
  /**
   * Sum of {@link turnoverMillionths} of the ticks, an integer. Exact up to 2^53 (9 billion of the currency), rounded to
   * a double above.
   */
  readonly turnoverMillionths: number;
  /** Time of the tick `open` was taken from. */
  readonly openMicros: number;
  /** Time of the tick `close` was taken from. */
  readonly closeMicros: number;
}

export const MINUTE_MICROS = 60_000_000;

/**
 * Price × volume of one tick in whole millionths of the currency. Whole numbers are summed, not fractions, so that a
 * minute's turnover is the same however its ticks were split into batches; SQL computes it in the same way
 * (`floor(price * volume * 1000000 + 0.5)`, the same IEEE operations in the same order).
 */
export function turnoverMillionths(price: number, volume: number): number {
  return Math.floor(price * volume * 1_000_000 + 0.5);
}
