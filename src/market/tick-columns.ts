import { TWO_32 } from '../base/two-32.ts';
import { grown } from '../base/growable-columns.ts';
import { BadFrameError } from './bad-frame-error.ts';
import { SymbolTable } from './symbol-table.ts';

/** Bound here for speed, see two-32.ts. */
const HIGH_UNIT: number = TWO_32;

const INITIAL_ROWS = 4_096;

/** Columns of ticks, in the order they were appended: the form of a batch before it is encoded. */
export class TickColumns {
  readonly symbolTable: SymbolTable;
  symbol: Int32Array = new Int32Array(INITIAL_ROWS);
  price: Float64Array = new Float64Array(INITIAL_ROWS);
  volume: Float64Array = new Float64Array(INITIAL_ROWS);
  /** Microseconds since the Unix epoch; exact, below 2^53. */
  timeMicros: Float64Array = new Float64Array(INITIAL_ROWS);
  length = 0;

  constructor(symbolTable: SymbolTable = new SymbolTable()) {
    this.symbolTable = symbolTable;
  }

  clear(): void {
    this.length = 0;
  }

  /** Rows for which there is room. */
  get capacity(): number {
    return this.price.length;
  }

  /** Earliest and latest time; infinite where there is no tick. */
  timeRange(): { readonly fromMicros: number; readonly toMicros: number } {
    let fromMicros = Number.POSITIVE_INFINITY;
    let toMicros = Number.NEGATIVE_INFINITY;
    for (let row = 0; row < this.length; row++) {
      const time = this.timeMicros[row] ?? 0;
      if (time < fromMicros) fromMicros = time;
      if (time > toMicros) toMicros = time;
    }
    return { fromMicros, toMicros };
  }

  /**
   * Appends canonical rows (see `CheckedTicks.rows`) that stand in `bytes[start, end)`.
   * @returns how many
   * @throws {BadFrameError} where they are not canonical rows: bytes that this program did not write.
   */
  appendRows(bytes: Buffer, start: number, end: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, end);
    const header = readArrayHeader(view, start);
    const count = header.count;
    if (count > end - start) throw new BadFrameError('rows end too early');
    this.#reserve(count);
    const { symbol, price, volume, timeMicros, symbolTable } = this;
    let pos = header.next;
    let row = this.length;
    try {
      for (let i = 0; i < count; i++, row++) {
        if (view.getUint8(pos) !== 0x94) throw new BadFrameError('not a canonical row');
        const first = view.getUint8(pos + 1);
        const symbolStart = first === 0xd9 ? pos + 3 : pos + 2;
        const symbolEnd = symbolStart + (first === 0xd9 ? view.getUint8(pos + 2) : first & 0x1f);
        symbol[row] = symbolTable.intern(bytes, symbolStart, symbolEnd);
        pos = symbolEnd;
        // price: a double in nearly every row
        if (view.getUint8(pos) === 0xcb) {
          price[row] = view.getFloat64(pos + 1);
          pos += 9;
        } else {
          price[row] = readNumberAt(view, pos);
          pos += numberLength(view, pos);
        }
        const volumeByte = view.getUint8(pos);
        if (volumeByte < 0x80) {
          volume[row] = volumeByte;
          pos += 1;
        } else if (volumeByte === 0xcd) {
          volume[row] = view.getUint16(pos + 1);
          pos += 3;
        } else {
          volume[row] = readNumberAt(view, pos);
          pos += numberLength(view, pos);
        }
        const timeByte = view.getUint8(pos);
        timeMicros[row] =
          timeByte === 0xcb ? view.getFloat64(pos + 1) : view.getUint32(pos + 1) * HIGH_UNIT + view.getUint32(pos + 5);
        if (timeByte !== 0xcb && timeByte !== 0xcf && timeByte !== 0xd3)
          throw new BadFrameError('not a canonical time');
        pos += 9;
      }
    } catch (error) {
      throw error instanceof RangeError ? new BadFrameError('rows end too early') : error;
    }
    this.length = row;
    return count;
  }

  #reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.symbol.length) return;
    const capacity = Math.max(needed, this.symbol.length * 2);
    this.symbol = grown(this.symbol, capacity);
    this.price = grown(this.price, capacity);
    this.volume = grown(this.volume, capacity);
    this.timeMicros = grown(this.timeMicros, capacity);
  }
}

function readArrayHeader(view: DataView, pos: number): { count: number; next: number } {
  const left = view.byteLength - pos;
  const byte = left > 0 ? view.getUint8(pos) : 0;
  if ((byte & 0xf0) === 0x90) return { count: byte & 0x0f, next: pos + 1 };
  if (byte === 0xdc && left >= 3) return { count: view.getUint16(pos + 1), next: pos + 3 };
  if (byte === 0xdd && left >= 5) return { count: view.getUint32(pos + 1), next: pos + 5 };
  throw new BadFrameError('rows are not an array');
}

/** Bytes of the msgpack number at `pos`, by its first byte. */
function numberLength(view: DataView, pos: number): number {
  const byte = view.getUint8(pos);
  if (byte < 0x80 || byte >= 0xe0) return 1;
  const length = NUMBER_LENGTHS[byte - 0xca];
  if (length === undefined) throw new BadFrameError('not a canonical number');
  return length;
}

/** 0xca … 0xd3: float 32, float 64, uint 8 … 64, int 8 … 64. */
const NUMBER_LENGTHS = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9];

function readNumberAt(view: DataView, pos: number): number {
  const byte = view.getUint8(pos);
  if (byte < 0x80) return byte;
  switch (byte) {
    case 0xca:
      return view.getFloat32(pos + 1);
    case 0xcb:
      return view.getFloat64(pos + 1);
    case 0xcc:
      return view.getUint8(pos + 1);
    case 0xcd:
      return view.getUint16(pos + 1);
    case 0xce:
      return view.getUint32(pos + 1);
    case 0xcf:
      return view.getUint32(pos + 1) * HIGH_UNIT + view.getUint32(pos + 5);
    case 0xd0:
      return view.getInt8(pos + 1);
    case 0xd1:
      return view.getInt16(pos + 1);
    case 0xd2:
      return view.getInt32(pos + 1);
    case 0xd3:
      return view.getInt32(pos + 1) * HIGH_UNIT + view.getUint32(pos + 5);
    default:
      throw new BadFrameError('not a canonical number');
  }
}
