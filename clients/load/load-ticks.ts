import type { Tick } from '../../src/market/tick.ts';
import { mix32 } from '../simulator/random.ts';

/** Prefix of every symbol of a load test, and of no other. */
export const LOAD_SYMBOL_PREFIX = 'LOAD-';

const PRICES = 100_000;

export function loadSymbol(number: number): string {
  return `${LOAD_SYMBOL_PREFIX}${number}`;
}

/** Which of the symbols tick number `tick` is of. */
export function loadSymbolOf(tick: number, symbols: number): number {
  return mix32(tick) % symbols;
}

export function loadPriceOf(tick: number): number {
  return ((mix32(tick ^ 0x5bd1_e995) % PRICES) + 1) / 100;
}

/** Spread of a tick's number: sums of these tell whether two sets of ticks are the same, in any order. */
export function loadFingerprint(tick: number): number {
  return mix32(tick ^ 0x2545_f491) | 0;
}

/**
 * The ticks of one frame. A tick's volume is its number in the test, from which symbol and price follow; its time is
 * the instant at which its frame is due.
 */
export function loadFrame(
  frame: number,
  frameTicks: number,
  symbolNames: readonly string[],
  timeMicros: number,
): Tick[] {
  const ticks: Tick[] = [];
  for (let number = frame * frameTicks; number < (frame + 1) * frameTicks; number++) {
    const symbol = symbolNames[loadSymbolOf(number, symbolNames.length)] ?? '';
    ticks.push({ symbol, price: loadPriceOf(number), volume: number, timeMicros });
  }
  return ticks;
}
