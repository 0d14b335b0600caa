import type { ReadEntry } from '../../src/flush/batch-planner.ts';
import { ByteWriter } from '../../src/market/byte-writer.ts';
import { type EntryFrame, skipFrame } from '../../src/stream/stream-entry.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import type { Tick } from '../../src/market/tick.ts';

/** Ticks as rows of a frame, as the gateway puts them into the buffer. */
export function rowsOf(ticks: readonly Tick[]): Buffer {
  const out = new ByteWriter();
  out.msgpackArrayHeader(ticks.length);
  for (const tick of ticks) {
    out.byte(0x94);
    out.msgpackShortString(Buffer.from(tick.symbol));
    out.msgpackDouble(tick.price);
    out.msgpackUint(tick.volume);
    out.msgpackUint(tick.timeMicros);
  }
  return out.copy();
}

export function columnsOf(ticks: readonly Tick[], columns: TickColumns = new TickColumns()): TickColumns {
  const rows = rowsOf(ticks);
  columns.appendRows(rows, 0, rows.length);
  return columns;
}

/** The ticks that columns hold, in their order. */
export function ticksOf(columns: TickColumns): Tick[] {
  return Array.from({ length: columns.length }, (_, row) => ({
    symbol: columns.symbolTable.names[columns.symbol[row] ?? -1] ?? '?',
    price: columns.price[row] ?? Number.NaN,
    volume: columns.volume[row] ?? Number.NaN,
    timeMicros: columns.timeMicros[row] ?? Number.NaN,
  }));
}

export function frameOf(
  prev: number,
  seq: number,
  ticks: readonly Tick[],
  rejectedAt: readonly number[] = [],
): EntryFrame {
  const rejected = rejectedAt.map((index) => ({ index, reason: 'price_invalid' as const, raw: Buffer.from([index]) }));
  return { prev, seq, skip: false, count: ticks.length, rows: rowsOf(ticks), rejected };
}

export { skipFrame };

export interface EntryOptions {
  readonly feed?: string;
  readonly generation?: string;
  readonly writer?: string;
}

/** An entry of the stream as a coordinator has read it. */
export function entryOf(id: string, frames: readonly EntryFrame[], options: EntryOptions = {}): ReadEntry {
  const { feed = 'f', generation = 'G', writer = 'A' } = options;
  return {
    id,
    feed,
    generation,
    total: 0,
    bytes: 100,
    content: { feed, writer, live: true, acceptedAtMs: 0, frames },
  };
}
