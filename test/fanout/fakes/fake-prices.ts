import type { LivePrices } from '../../../src/fanout/fanout-ports.ts';
import type { LastTick } from '../../../src/market/last-tick.ts';
import { MINUTE_MICROS, type MinuteBar } from '../../../src/market/minute-bar.ts';

/** The store as fan-out reads it: answers, fails, or lets wait, as the test says. */
export class FakePrices implements LivePrices {
  ticks: readonly LastTick[] = [];
  bars: readonly MinuteBar[] = [];
  isAway = false;
  /** Never answers. */
  isStuck = false;
  /** Symbols asked for; undefined: all. */
  readonly asked: Array<readonly string[] | undefined> = [];
  /** Minutes from which bars were asked for. */
  readonly askedBarsSince: number[] = [];

  async lastTicks(names?: readonly string[]): Promise<readonly LastTick[]> {
    this.asked.push(names);
    if (this.isStuck) await new Promise(() => undefined);
    if (this.isAway) throw new Error('the store is away');
    return this.ticks.filter(({ symbol }) => names === undefined || names.includes(symbol));
  }

  async barsSince(minuteMicros: number): Promise<readonly MinuteBar[]> {
    this.askedBarsSince.push(minuteMicros);
    if (this.isAway) throw new Error('the store is away');
    return this.bars.filter((bar) => bar.minuteMicros >= minuteMicros);
  }
}

/** A bar of the minute that begins at `minuteMs`, its last tick half a minute later. */
export function barOf(symbol: string, minuteMs: number, trades = 1): MinuteBar {
  const minuteMicros = minuteMs * 1_000;
  return {
    symbol,
    minuteMicros,
    open: 1,
    high: 1,
    low: 1,
    close: 1,
    volume: trades,
    trades,
    turnoverMillionths: trades * 1_000_000,
    openMicros: minuteMicros,
    closeMicros: minuteMicros + MINUTE_MICROS / 2,
  };
}
