import { closeSync, openSync, writeSync } from 'node:fs';
import { benchSymbol, priceOf, symbolNumberOf, type TickShape, timeMicrosOf, volumeOf } from './bench-ticks.ts';

/** Signature, flags, length of the extension: PostgreSQL's binary COPY format. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;
const CHUNK_ROWS = 10_000;
const MAX_ROW_BYTES = 80;

/** As the ticks come, or sorted by symbol. */
export type RowSequence = 'arrival' | 'sorted';

/**
 * Writes ticks 0 … rows − 1 as a file for `COPY … (FORMAT binary)`: (time, symbol, price, volume). Independent of the
 * project's own encoder on purpose.
 */
export function writeCopyFile(path: string, rows: number, shape: TickShape, sequence: RowSequence): void {
  const order = tickOrder(rows, shape, sequence);
  const file = openSync(path, 'w');
  try {
    writeSync(file, HEADER);
    const chunk = Buffer.alloc(CHUNK_ROWS * MAX_ROW_BYTES);
    for (let from = 0; from < rows; from += CHUNK_ROWS) {
      let at = 0;
      for (let i = from; i < Math.min(rows, from + CHUNK_ROWS); i++) at = writeRow(chunk, at, order[i] ?? 0, shape);
      writeSync(file, chunk, 0, at);
    }
    writeSync(file, Buffer.from([0xff, 0xff]));
  } finally {
    closeSync(file);
  }
}

/** Numbers of the ticks in the order in which they are written. */
function tickOrder(rows: number, shape: TickShape, sequence: RowSequence): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, tick) => tick);
  if (sequence === 'arrival') return order;
  const symbols = Uint32Array.from(order, (tick) => symbolNumberOf(tick, shape));
  order.sort((a, b) => (symbols[a] ?? 0) - (symbols[b] ?? 0) || a - b);
  return order;
}

function writeRow(out: Buffer, start: number, tick: number, shape: TickShape): number {
  let at = out.writeInt16BE(4, start);
  at = out.writeInt32BE(8, at);
  at = out.writeBigInt64BE(BigInt(timeMicrosOf(tick, shape) - POSTGRES_EPOCH_MICROS), at);
  const symbol = benchSymbol(symbolNumberOf(tick, shape));
  at = out.writeInt32BE(symbol.length, at);
  at += out.write(symbol, at, 'latin1');
  at = out.writeInt32BE(8, at);
  at = out.writeDoubleBE(priceOf(tick), at);
  at = out.writeInt32BE(8, at);
  return out.writeBigInt64BE(BigInt(volumeOf(tick)), at);
}
