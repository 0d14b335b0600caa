import { MINUTE_MICROS, type MinuteBar, turnoverMillionths } from '../protocol/minute-bar.ts';
import type { TickColumns } from '../protocol/tick-columns.ts';
import type { RowOrder } from './copy-encoder.ts';

type Building = { -readonly [Key in keyof MinuteBar]: MinuteBar[Key] };

/**
 * The minute bars of a batch, sorted by (symbol, minute). Within a minute the open is the earliest tick and the close
 * the latest; of several at one time the first, and the last, that arrived.
 * @param without rows to leave out
 */
export function buildBars(columns: TickColumns, order: RowOrder, without: ReadonlySet<number>): MinuteBar[] {
  const bars: MinuteBar[] = [];
  order.symbols.forEach((number, place) => {
    const symbol = columns.symbolTable.names[number] ?? '';
    const minutes = new Map<number, Building>();
    let current: Building | undefined;
    const end = order.starts[place + 1] ?? 0;
    for (let i = order.starts[place] ?? 0; i < end; i++) {
      const row = order.rows[i] ?? 0;
      if (without.size > 0 && without.has(row)) continue;
      const time = columns.timeMicros[row] ?? 0;
      const price = columns.price[row] ?? 0;
      const volume = columns.volume[row] ?? 0;
      const minute = time - (time % MINUTE_MICROS);
      if (current === undefined || current.minuteMicros !== minute) current = minutes.get(minute);
      if (current === undefined) {
        current = newBar(symbol, minute, time, price, volume);
        minutes.set(minute, current);
      } else addTick(current, time, price, volume);
    }
    const sorted =
      minutes.size > 1 ? [...minutes.values()].sort((a, b) => a.minuteMicros - b.minuteMicros) : minutes.values();
    bars.push(...sorted);
  });
  return bars;
}

function newBar(symbol: string, minuteMicros: number, time: number, price: number, volume: number): Building {
  return {
    symbol,
    minuteMicros,
    open: price,
    high: price,
    low: price,
    close: price,
    volume,
    trades: 1,
    turnoverMillionths: turnoverMillionths(price, volume),
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
