import { z } from 'zod';
import { BAR_INTERVALS, type BarInterval } from '../market/bar-interval.ts';
import type { LastTick } from '../market/last-tick.ts';
import type { MarketBoard } from '../market/market-board.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import { formatMicros } from '../market/tick.ts';
import type { ApiTick, ApiTopSymbol } from './api-ports.ts';

export interface ErrorAnswer {
  readonly error: string;
  /** The name in the address that is wrong. */
  readonly field?: string | undefined;
  readonly remedy?: string | undefined;
}
export interface SymbolsAnswer {
  readonly symbols: readonly string[];
}
export interface LastAnswer {
  readonly ticks: ReadonlyArray<{
    readonly symbol: string;
    readonly time: string;
    readonly price: number;
    readonly volume: number | null;
  }>;
}
export interface BarAnswer {
  readonly time: string;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
  readonly turnover: number;
}
export interface BarsAnswer {
  readonly symbol: string;
  readonly interval: BarInterval;
  readonly bars: readonly BarAnswer[];
  readonly next: string | null;
}
export interface TicksAnswer {
  readonly symbol: string;
  readonly ticks: ReadonlyArray<{ readonly time: string; readonly price: number; readonly volume: number }>;
  readonly next: string | null;
}
export interface TopAnswer {
  readonly date: string;
  readonly top: ReadonlyArray<{
    readonly symbol: string;
    readonly trades: number;
    readonly volume: number;
    readonly turnover: number;
  }>;
}
export interface BoardAnswer {
  readonly date: string | null;
  readonly begin: string | null;
  readonly end: string | null;
  readonly rows: ReadonlyArray<{
    readonly symbol: string;
    readonly price: number;
    readonly time: string;
    readonly previousClose: number | null;
    readonly day: Omit<BarAnswer, 'time'> | null;
  }>;
}

const time = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC, microseconds' });
const name = z.string().meta({ examples: ['COMI'] });
const price = z.number().meta({ description: 'in the currency of the symbol' });
const count = z.int().min(0);
/** A whole number of any size: sums of valid volumes pass 2^53, where `z.int()` ends. */
const shares = z.number().min(0).refine(Number.isInteger).meta({ type: 'integer', description: 'shares' });
const turnover = z.number().meta({ description: 'sum of price × volume' });
const traded = { open: price, high: price, low: price, close: price, volume: shares, trades: count, turnover };

export const errorAnswer: z.ZodType<ErrorAnswer> = z
  .object({
    error: z.string(),
    field: z.string().optional().meta({ description: 'the name in the address that is wrong' }),
    remedy: z.string().optional(),
  })
  .meta({ id: 'Error' });

export const symbolsAnswer: z.ZodType<SymbolsAnswer> = z.object({ symbols: z.array(name) }).meta({ id: 'Symbols' });

export const lastAnswer: z.ZodType<LastAnswer> = z
  .object({
    ticks: z.array(
      z.object({
        symbol: name,
        time,
        price,
        volume: shares.nullable().meta({ description: 'shares; null where only the price is still stored' }),
      }),
    ),
  })
  .meta({ id: 'LastTicks' });

export const barsAnswer: z.ZodType<BarsAnswer> = z
  .object({
    symbol: name,
    interval: z.enum(BAR_INTERVALS),
    bars: z.array(z.object({ time: time.meta({ description: 'when the bar begins' }), ...traded })),
    next: time.nullable().meta({ description: 'hand it back as `from` for the bars after these; null at the end' }),
  })
  .meta({ id: 'Bars' });

export const ticksAnswer: z.ZodType<TicksAnswer> = z
  .object({
    symbol: name,
    ticks: z.array(z.object({ time, price, volume: shares })),
    next: z
      .string()
      .nullable()
      .meta({ description: 'hand it back as `cursor` for the next page; null after the last' }),
  })
  .meta({ id: 'Ticks' });

export const topAnswer: z.ZodType<TopAnswer> = z
  .object({
    date: z.iso.date(),
    top: z.array(z.object({ symbol: name, trades: count, volume: shares, turnover })),
  })
  .meta({ id: 'Top' });

export const boardAnswer: z.ZodType<BoardAnswer> = z
  .object({
    date: z.iso.date().nullable().meta({ description: 'null while nothing is stored' }),
    begin: time.nullable().meta({ description: 'when that day begins' }),
    end: time.nullable().meta({ description: 'when the next day begins' }),
    rows: z.array(
      z.object({
        symbol: name,
        price: price.meta({ description: 'the last one' }),
        time,
        previousClose: price.nullable().meta({ description: 'last price before that day; null for a new symbol' }),
        day: z.object(traded).nullable().meta({ description: 'null where nothing was traded on that day' }),
      }),
    ),
  })
  .meta({ id: 'Board' });

export function toLastAnswer(ticks: readonly LastTick[]): LastAnswer {
  return {
    ticks: ticks.map((tick) => ({
      symbol: tick.symbol,
      time: formatMicros(tick.timeMicros),
      price: tick.price,
      volume: tick.volume ?? null,
    })),
  };
}

/** @param bars ascending @param isFull whether there may be more after them */
export function toBarsAnswer(
  symbol: string,
  interval: BarInterval,
  bars: readonly MinuteBar[],
  isFull: boolean,
): BarsAnswer {
  const last = bars.at(-1);
  return {
    symbol,
    interval,
    bars: bars.map((bar) => ({
      time: formatMicros(bar.minuteMicros),
      open: bar.open,
      high: bar.high,
      low: bar.low,
      close: bar.close,
      volume: bar.volume,
      trades: bar.trades,
      turnover: bar.turnoverMillionths / 1e6,
    })),
    next: isFull && last !== undefined ? formatMicros(last.minuteMicros + 1) : null,
  };
}

export function toTicksAnswer(symbol: string, ticks: readonly ApiTick[], next: string | undefined): TicksAnswer {
  return {
    symbol,
    ticks: ticks.map((tick) => ({ time: formatMicros(tick.timeMicros), price: tick.price, volume: tick.volume })),
    next: next ?? null,
  };
}

export function toTopAnswer(date: string, top: readonly ApiTopSymbol[]): TopAnswer {
  return {
    date,
    top: top.map(({ symbol, trades, volume, turnoverMillionths }) => ({
      symbol,
      trades,
      volume,
      turnover: turnoverMillionths / 1e6,
    })),
  };
}

export function toBoardAnswer(board: MarketBoard): BoardAnswer {
  const hasBounds = board.endMicros > 0;
  return {
    date: board.day ?? null,
    begin: hasBounds ? formatMicros(board.beginMicros) : null,
    end: hasBounds ? formatMicros(board.endMicros) : null,
    rows: board.rows.map(({ symbol, previous, day }) => ({
      symbol,
      price: day?.close ?? previous?.close ?? 0,
      time: formatMicros(day?.closeMicros ?? previous?.closeMicros ?? 0),
      previousClose: previous?.close ?? null,
      day:
        day === undefined
          ? null
          : {
              open: day.open,
              high: day.high,
              low: day.low,
              close: day.close,
              volume: day.volume,
              trades: day.trades,
              turnover: day.turnoverMillionths / 1e6,
            },
    })),
  };
}
