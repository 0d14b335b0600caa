import { mix32 } from '../../clients/simulator/random.ts';
import { DAY_MICROS } from '../../src/market/tick.ts';

/** 2025-12-01T08:00:00Z. Ticks of a bench follow each other from there. */
export const BENCH_BASE_MICROS = 1_764_576_000_000_000;

/** What the ticks of a run look like. */
export interface TickShape {
  /** Distinct symbols, drawn evenly; up to 10,000 have names of five letters. */
  readonly symbols: number;
  /** Neighbouring ticks are of so many days in turn. */
  readonly days: number;
  /** Distance of neighbours, apart from that. */
  readonly microsATick: number;
}

/** A market of 250 symbols with a thousand ticks a second, all of one day. */
export const USUAL_SHAPE: TickShape = { symbols: 250, days: 1, microsATick: 1_000 };

/** A market of more (or fewer) symbols, each of which trades as often as there. */
export function marketOf(symbols: number): TickShape {
  return { ...USUAL_SHAPE, symbols, microsATick: (USUAL_SHAPE.microsATick * USUAL_SHAPE.symbols) / symbols };
}

export function benchSymbol(number: number): string {
  return `S${String(number).padStart(4, '0')}`;
}

export function symbolNumberOf(tick: number, { symbols }: TickShape): number {
  return mix32(tick) % symbols;
}

export function priceOf(tick: number): number {
  return ((mix32(tick ^ 0x5bd1_e995) % 10_000) + 100) / 100;
}

export function volumeOf(tick: number): number {
  return mix32(tick ^ 0x2545_f491) % 10_000;
}

export function timeMicrosOf(tick: number, { days, microsATick }: TickShape): number {
  return BENCH_BASE_MICROS + tick * microsATick + (tick % days) * DAY_MICROS;
}
