import type { SymbolTable, TickColumns } from '../protocol/tick-columns.ts';

const TWO_32 = 2 ** 32;
/** PostgreSQL counts microseconds from 2000-01-01. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;
/** Field count, and length words and bytes of time, price and volume; the symbol comes on top. */
const FIXED_ROW_BYTES = 2 + 12 + 4 + 12 + 12;
const TRAILER_BYTES = 2;

/**
 * Header of COPY's binary format: signature, flags, length of the header's extension.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 */
const HEADER: Buffer = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

/** Order in which rows of a batch are written: by symbol for the index's sake, in order of arrival within a symbol. */
export interface RowOrder {
  /** Row numbers of the columns, in writing order. */
  readonly rows: Int32Array;
  /** Symbols in writing order (byte order of their names), and where each one's rows begin; one more at the end. */
  readonly symbols: readonly number[];
  readonly starts: Int32Array;
}

/** Counting sort over symbols: stable, linear. */
export function orderRows(columns: TickColumns): RowOrder {
  const { symbolTable, symbol, length } = columns;
  const counts = new Int32Array(symbolTable.names.length);
  for (let row = 0; row < length; row++) {
    const number = symbol[row] ?? 0;
    counts[number] = (counts[number] ?? 0) + 1;
  }
  const symbols = presentSymbols(symbolTable, counts);
  const starts = new Int32Array(symbols.length + 1);
  const next = new Int32Array(symbolTable.names.length);
  let at = 0;
  symbols.forEach((number, place) => {
    starts[place] = at;
    next[number] = at;
    at += counts[number] ?? 0;
  });
  starts[symbols.length] = at;
  const rows = new Int32Array(length);
  for (let row = 0; row < length; row++) {
    const number = symbol[row] ?? 0;
    const place = next[number] ?? 0;
    rows[place] = row;
    next[number] = place + 1;
  }
  return { rows, symbols, starts };
}

function presentSymbols(table: SymbolTable, counts: Int32Array): number[] {
  const present: number[] = [];
  for (let number = 0; number < counts.length; number++) if ((counts[number] ?? 0) > 0) present.push(number);
  const name = (number: number): string => table.names[number] ?? '';
  return present.sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

/** Encodes ticks as COPY BINARY for columns (time, symbol, price, volume). Reuses its buffer from call to call. */
export class CopyEncoder {
  #buffer: Buffer = Buffer.alloc(0);

  /**
   * @param without rows of the columns to leave out
   * @returns a view that is valid until the next call
   */
  encode(columns: TickColumns, order: RowOrder, without: ReadonlySet<number>): Buffer {
    this.#reserve(columns, order);
    const buffer = this.#buffer;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    HEADER.copy(buffer);
    let pos = HEADER.length;
    for (let place = 0; place < order.symbols.length; place++) {
      const name = columns.symbolTable.bytesOf(order.symbols[place] ?? 0);
      pos = encodeSymbol(view, pos, name, columns, order, place, without);
    }
    view.setInt16(pos, -1);
    return buffer.subarray(0, pos + TRAILER_BYTES);
  }

  #reserve(columns: TickColumns, order: RowOrder): void {
    let needed = HEADER.length + TRAILER_BYTES + columns.length * FIXED_ROW_BYTES;
    order.symbols.forEach((number, place) => {
      const rows = (order.starts[place + 1] ?? 0) - (order.starts[place] ?? 0);
      needed += rows * columns.symbolTable.bytesOf(number).length;
    });
    if (this.#buffer.length < needed) this.#buffer = Buffer.allocUnsafe(Math.ceil(needed * 1.25));
  }
}

/** Writes one symbol's rows: a plain loop over a DataView, since this is the hottest code of a flush. */
function encodeSymbol(
  view: DataView,
  start: number,
  name: Uint8Array,
  columns: TickColumns,
  order: RowOrder,
  place: number,
  without: ReadonlySet<number>,
): number {
  const { price, volume, timeMicros } = columns;
  const { rows, starts } = order;
  const nameLength = name.length;
  const checkWithout = without.size > 0;
  const end = starts[place + 1] ?? 0;
  let pos = start;
  for (let i = starts[place] ?? 0; i < end; i++) {
    const row = rows[i] ?? 0;
    if (checkWithout && without.has(row)) continue;
    const time = (timeMicros[row] ?? 0) - POSTGRES_EPOCH_MICROS;
    const timeHigh = Math.floor(time / TWO_32);
    view.setInt16(pos, 4);
    view.setInt32(pos + 2, 8);
    view.setInt32(pos + 6, timeHigh);
    view.setUint32(pos + 10, time - timeHigh * TWO_32);
    view.setInt32(pos + 14, nameLength);
    pos += 18;
    for (let at = 0; at < nameLength; at++) view.setUint8(pos + at, name[at] ?? 0);
    pos += nameLength;
    view.setInt32(pos, 8);
    view.setFloat64(pos + 4, price[row] ?? 0);
    view.setInt32(pos + 12, 8);
    const shares = volume[row] ?? 0;
    const sharesHigh = Math.floor(shares / TWO_32);
    view.setInt32(pos + 16, sharesHigh);
    view.setUint32(pos + 20, shares - sharesHigh * TWO_32);
    pos += 24;
  }
  return pos;
}

/**
 * The row of the columns that COPY's line `line` (from 1) was, given the rows left out.
 * @returns undefined when there is no such line
 */
export function rowOfLine(order: RowOrder, without: ReadonlySet<number>, line: number): number | undefined {
  let written = 0;
  for (const row of order.rows) {
    if (without.has(row)) continue;
    written += 1;
    if (written === line) return row;
  }
  return undefined;
}
