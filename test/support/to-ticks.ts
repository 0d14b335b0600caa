import type { Tick } from '../../src/market/tick.ts';

/** Rows as the generators make them, as ticks. */
export function toTicks(
  rows: ReadonlyArray<readonly [symbol: string, price: number, volume: number, timeMicros: number]>,
): Tick[] {
  return rows.map(([symbol, price, volume, timeMicros]) => ({ symbol, price, volume, timeMicros }));
}
