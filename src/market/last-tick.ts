/** The last known tick of a symbol. */
export interface LastTick {
  readonly symbol: string;
  /** Microseconds since the Unix epoch. */
  readonly timeMicros: number;
  readonly price: number;
  /** Undefined where only the price is known: retention has dropped the tick, and its bar is left. */
  readonly volume: number | undefined;
}
