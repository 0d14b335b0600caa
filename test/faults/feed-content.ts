import type { Tick } from '../../src/market/tick.ts';
import { TEST_BASE_MICROS, testFrame } from '../support/test-ticks.ts';

/**
 * What the feeds of the fault tests send: every frame is a function of feed and seq, so that a process that was killed
 * can send it again, and a reader of the table alone can say what should be there. The same arithmetic stands in
 * audit.ts as SQL.
 */
export const SYMBOLS_A_FEED = 10;
/** Every so many frames one tick is not valid and must come out among the rejected. */
export const BAD_TICK_EVERY = 50;
export const BAD_TICK_INDEX = 3;

/** Ticks of the frame: `ticksAFrame` ± a fifth. */
export function frameTicks(seq: number, ticksAFrame: number): number {
  const spread = Math.floor(ticksAFrame / 5);
  return ticksAFrame - spread + ((seq * 7) % (2 * spread + 1));
}

export function frameContent(feed: string, seq: number, ticksAFrame: number): Tick[] {
  const ticks = testFrame({ feed, seq, count: frameTicks(seq, ticksAFrame), symbols: SYMBOLS_A_FEED }).map(
    ([symbol, price, volume, timeMicros]): Tick => ({ symbol, price, volume, timeMicros }),
  );
  const bad = ticks[BAD_TICK_INDEX];
  if (seq % BAD_TICK_EVERY === 0 && bad !== undefined) ticks[BAD_TICK_INDEX] = { ...bad, price: -1 };
  return ticks;
}

export { TEST_BASE_MICROS };
