import { MINUTE_MICROS, type MinuteBar, turnoverMillionths } from '../protocol/minute-bar.ts';
import type { TickColumns } from '../protocol/tick-columns.ts';
import { countRows, symbolsInOrder } from './row-order.ts';

type Building = { -readonly [Key in keyof MinuteBar]: MinuteBar[Key] };

/** What a symbol's ticks are added to: the minute of its latest tick, and the others that were seen. */
interface SymbolBars {
  current: Building;
  /** Undefined while there is but one. */
  all: Map<number, Building> | undefined;
}

/**
 * The minute bars of a batch, sorted by (symbol, minute). Within a minute the open is the earliest tick and the close
 * the latest; of several at one time the first, and the last, that arrived.
 * @param without rows to leave out
 */
export function buildBars(columns: TickColumns, without: ReadonlySet<number>): MinuteBar[] {
  const { symbol, price, volume, timeMicros, symbolTable, length } = columns;
  const bySymbol: Array<SymbolBars | undefined> = Array.from({ length: symbolTable.names.length });
  const checkWithout = without.size > 0;
  for (let row = 0; row < length; row++) {
    if (checkWithout && without.has(row)) continue;
    const number = symbol[row] ?? 0;
    const time = timeMicros[row] ?? 0;
    const tickPrice = price[row] ?? 0;
    const shares = volume[row] ?? 0;
    let bars = bySymbol[number];
    if (bars === undefined) {
      const current = newBar(symbolTable.names[number] ?? '', time, tickPrice);
      bySymbol[number] = bars = { current, all: undefined };
    } else if (time < bars.current.minuteMicros || time >= bars.current.minuteMicros + MINUTE_MICROS) {
      turnToMinute(bars, time, tickPrice);
    }
    addTick(bars.current, time, tickPrice, shares);
  }
  return symbolsInOrder(symbolTable, countRows(columns)).flatMap((number) => barsInOrder(bySymbol[number]));
}

function turnToMinute(bars: SymbolBars, time: number, price: number): void {
  bars.all ??= new Map([[bars.current.minuteMicros, bars.current]]);
  const minute = startOfMinute(time);
  let bar = bars.all.get(minute);
  if (bar === undefined) {
    bar = newBar(bars.current.symbol, time, price);
    bars.all.set(minute, bar);
  }
  bars.current = bar;
}

function barsInOrder(bars: SymbolBars | undefined): MinuteBar[] {
  if (bars === undefined) return [];
  if (bars.all === undefined) return [bars.current];
  return [...bars.all.values()].sort((a, b) => a.minuteMicros - b.minuteMicros);
}

function startOfMinute(time: number): number {
  return time - (time % MINUTE_MICROS);
}

function newBar(symbol: string, time: number, price: number): Building {
  return {
    symbol,
    minuteMicros: startOfMinute(time),
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0,
    trades: 0,
    turnoverMillionths: 0,
    openMicros: time,
    closeMicros: time,
  };
}

function addTick(bar: Building, time: number, price: number, volume: number): void {
  if (time < bar.openMicros) {
    bar.open = price;
    bar.openMicros = time;
  }
  if (time >= bar.closeMicros) {
    bar.close = price;
    bar.closeMicros = time;
  }
  if (price > bar.high) bar.high = price;
  if (price < bar.low) bar.low = price;
  bar.volume += volume;
  bar.trades += 1;
  bar.turnoverMillionths += turnoverMillionths(price, volume);
}
