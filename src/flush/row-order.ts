import type { SymbolTable } from '../market/symbol-table.ts';
import type { TickColumns } from '../market/tick-columns.ts';

/** Write order of a batch's rows: by symbol for the index's sake, in order of arrival within a symbol. */
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
  const counts = countRows(columns);
  const symbols = symbolsInOrder(symbolTable, counts);
  const starts = new Int32Array(symbols.length + 1);
  const next = new Int32Array(symbolTable.names.length);
  let at = 0;
  symbols.forEach((number, index) => {
    starts[index] = at;
    next[number] = at;
    at += counts[number] ?? 0;
  });
  starts[symbols.length] = at;
  const rows = new Int32Array(length);
  for (let row = 0; row < length; row++) {
    const number = symbol[row] ?? 0;
    const index = next[number] ?? 0;
    rows[index] = row;
    next[number] = index + 1;
  }
  return { rows, symbols, starts };
}

/** Rows of each symbol, by its number. */
export function countRows({ symbolTable, symbol, length }: TickColumns): Int32Array {
  const counts = new Int32Array(symbolTable.names.length);
  for (let row = 0; row < length; row++) {
    const number = symbol[row] ?? 0;
    counts[number] = (counts[number] ?? 0) + 1;
  }
  return counts;
}

/** The symbols of which there are rows, in the byte order of their names. */
export function symbolsInOrder(table: SymbolTable, counts: Int32Array): number[] {
  return table.inOrder().filter((number) => (counts[number] ?? 0) > 0);
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
