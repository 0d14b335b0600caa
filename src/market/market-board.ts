/** One symbol's trading on a day; volumes in shares, `turnoverMillionths` in millionths of the currency. */
export interface DayTrading {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Microseconds since the Unix epoch. */
  readonly closeMicros: number;
  readonly volume: number;
  readonly trades: number;
  readonly turnoverMillionths: number;
}

/** One symbol of a board. */
export interface BoardRow {
  readonly symbol: string;
  /** The last price before the day; undefined where the symbol is new. */
  readonly previous: { readonly close: number; readonly closeMicros: number } | undefined;
  /** Undefined where nothing was traded on that day. */
  readonly day: DayTrading | undefined;
}

/** Every symbol with its trading on one day. */
export interface MarketBoard {
  /** `2025-12-01`, a day of the exchange's zone; undefined while nothing is stored. */
  readonly day: string | undefined;
  /** Its bounds in microseconds, begin inclusive, end exclusive; 0 while there are no rows. */
  readonly beginMicros: number;
  readonly endMicros: number;
  /** Sorted by symbol. */
  readonly rows: readonly BoardRow[];
}
