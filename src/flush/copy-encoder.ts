import type { SymbolTable } from '../market/symbol-table.ts';
import type { TickColumns } from '../market/tick-columns.ts';
import { MAX_SYMBOL_LENGTH } from '../market/tick.ts';
import { POSTGRES_EPOCH_MICROS } from './binary-arrays.ts';
import { countRows, symbolsInOrder } from './row-order.ts';

/** Not base/'s: read through an import it makes the loop over rows 5 to 10 % slower. */
const TWO_32 = 2 ** 32;
/** Field count, and length words and bytes of time, price and volume; the symbol comes on top. */
const FIXED_ROW_BYTES = 2 + 12 + 4 + 12 + 12;
/** From the row's start to the symbol's bytes, and from their end to the next row. */
const BYTES_BEFORE_SYMBOL = 18;
const BYTES_AFTER_SYMBOL = 24;
const TRAILER_BYTES = 2;
const NAME_WORDS = MAX_SYMBOL_LENGTH / 4;

/**
 * Header of COPY's binary format: signature, flags, length of the header's extension.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 */
const HEADER: Buffer = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

/**
 * Encodes ticks as COPY BINARY for columns (time, symbol, price, volume), ordered as in {@link RowOrder}. Rows are read
 * as they arrived, each written where its symbol's next row belongs: reading them in writing order would jump through
 * every column, which costs several times as much. Reuses its buffer from call to call.
 */
export class CopyEncoder {
  #buffer: Buffer = Buffer.alloc(0);
  readonly #names = new NameWords();

  /**
   * @param without rows of the columns to leave out
   * @returns a view that is valid until the next call
   */
  encode(columns: TickColumns, without: ReadonlySet<number>): Buffer {
    const { symbolTable } = columns;
    this.#names.learn(symbolTable);
    const counts = countRows(columns);
    for (const row of without) {
      const number = columns.symbol[row] ?? 0;
      counts[number] = (counts[number] ?? 0) - 1;
    }
    const cursors = new Int32Array(counts.length);
    let end = HEADER.length;
    for (const number of symbolsInOrder(symbolTable, counts)) {
      cursors[number] = end;
      end += (counts[number] ?? 0) * (FIXED_ROW_BYTES + symbolTable.bytesOf(number).length);
    }
    const view = this.#reserve(end + TRAILER_BYTES);
    HEADER.copy(this.#buffer);
    writeRows(view, columns, cursors, this.#names, without);
    view.setInt16(end, -1);
    return this.#buffer.subarray(0, end + TRAILER_BYTES);
  }

  #reserve(needed: number): DataView {
    if (this.#buffer.length < needed) this.#buffer = Buffer.allocUnsafe(Math.ceil(needed * 1.25));
    return new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length);
  }
}

/** The bytes of symbols as 32-bit words, by symbol number: written a word at a time. */
class NameWords {
  lengths: Int32Array = new Int32Array(0);
  words: Uint32Array = new Uint32Array(0);
  #table: SymbolTable | undefined;
  #known = 0;

  /** Takes in the symbols that the table got since the last call. */
  learn(table: SymbolTable): void {
    if (table !== this.#table) this.#known = 0;
    this.#table = table;
    const count = table.names.length;
    if (count > this.lengths.length) this.#grow(Math.max(count, this.lengths.length * 2));
    const padded = Buffer.alloc(MAX_SYMBOL_LENGTH);
    for (; this.#known < count; this.#known++) {
      const bytes = table.bytesOf(this.#known);
      padded.fill(0);
      bytes.copy(padded);
      this.lengths[this.#known] = bytes.length;
      for (let word = 0; word < NAME_WORDS; word++)
        this.words[this.#known * NAME_WORDS + word] = padded.readUint32BE(word * 4);
    }
  }

  #grow(capacity: number): void {
    const lengths = new Int32Array(capacity);
    lengths.set(this.lengths);
    this.lengths = lengths;
    const words = new Uint32Array(capacity * NAME_WORDS);
    words.set(this.words);
    this.words = words;
  }
}

/**
 * A plain loop over a DataView, since this is the hottest code of a flush. A name's last word may reach up to three
 * bytes past its end; the fields behind it are written after it.
 */
function writeRows(
  view: DataView,
  columns: TickColumns,
  cursors: Int32Array,
  { lengths, words }: NameWords,
  without: ReadonlySet<number>,
): void {
  const { symbol, price, volume, timeMicros, length } = columns;
  const checkWithout = without.size > 0;
  for (let row = 0; row < length; row++) {
    if (checkWithout && without.has(row)) continue;
    const number = symbol[row] ?? 0;
    const nameLength = lengths[number] ?? 0;
    let pos = cursors[number] ?? 0;
    const time = (timeMicros[row] ?? 0) - POSTGRES_EPOCH_MICROS;
    const timeHigh = Math.floor(time / TWO_32);
    view.setInt16(pos, 4);
    view.setInt32(pos + 2, 8);
    view.setInt32(pos + 6, timeHigh);
    view.setUint32(pos + 10, time - timeHigh * TWO_32);
    view.setInt32(pos + 14, nameLength);
    pos += BYTES_BEFORE_SYMBOL;
    for (let word = number * NAME_WORDS, at = 0; at < nameLength; word++, at += 4)
      view.setUint32(pos + at, words[word] ?? 0);
    pos += nameLength;
    view.setInt32(pos, 8);
    view.setFloat64(pos + 4, price[row] ?? 0);
    view.setInt32(pos + 12, 8);
    const shares = volume[row] ?? 0;
    const sharesHigh = shares < TWO_32 ? 0 : Math.floor(shares / TWO_32);
    view.setInt32(pos + 16, sharesHigh);
    view.setUint32(pos + 20, shares - sharesHigh * TWO_32);
    cursors[number] = pos + BYTES_AFTER_SYMBOL;
  }
}
