import type { TickColumns } from '../protocol/tick-columns.ts';
import type { CodecName } from '../protocol/version.ts';
import { type FragmentWriter, fragmentWriter, type OutgoingTick } from './fragment-writer.ts';
import { type ArrayFrame, arrayFrame } from './web-socket-frame.ts';

const INITIAL_ROWS = 4_096;
const NOT_ENCODED = -1;

/** Encodes each tick of a batch at most once in one codec, and builds frames of those that are wanted. */
export class TickEncoder {
  readonly codec: CodecName;
  readonly #writer: FragmentWriter;
  #columns: TickColumns | undefined;
  #starts = new Int32Array(INITIAL_ROWS);
  #ends = new Int32Array(INITIAL_ROWS);

  constructor(codec: CodecName) {
    this.codec = codec;
    this.#writer = fragmentWriter(codec);
  }

  /** Begins a batch: what was encoded before is forgotten. */
  begin(columns: TickColumns): void {
    this.#columns = columns;
    this.#writer.reset();
    if (columns.length > this.#starts.length) {
      this.#starts = new Int32Array(columns.length * 2);
      this.#ends = new Int32Array(columns.length * 2);
    }
    this.#starts.fill(NOT_ENCODED, 0, columns.length);
  }

  /** A frame of these rows, in their order. */
  frame(rows: readonly number[], tail?: Buffer): ArrayFrame {
    for (const row of rows) if (this.#starts[row] === NOT_ENCODED) this.#encode(row);
    return arrayFrame(this.codec, this.#writer.bytes, this.#starts, this.#ends, rows, rows.length, tail);
  }

  /** A frame of all rows from `from` up to `to`: to be asked for before any one of them is. */
  rangeFrame(from: number, to: number, tail?: Buffer): ArrayFrame {
    if (this.#starts[from] === NOT_ENCODED) for (let row = from; row < to; row++) this.#encode(row);
    const starts = [this.#starts[from] ?? 0];
    const ends = [this.#ends[to - 1] ?? 0];
    return arrayFrame(this.codec, this.#writer.bytes, starts, ends, [0], to - from, tail);
  }

  #encode(row: number): void {
    const columns = this.#columns;
    if (columns === undefined) return;
    const writer = this.#writer;
    this.#starts[row] = writer.length;
    writer.tick('t', tickOfRow(columns, row));
    this.#ends[row] = writer.length - writer.separatorBytes;
  }
}

/** One row of columns as a tick. */
export function tickOfRow(columns: TickColumns, row: number): OutgoingTick {
  const symbol = columns.symbol[row] ?? 0;
  return {
    symbol: columns.symbolTable.names[symbol] ?? '',
    symbolBytes: columns.symbolTable.bytesOf(symbol),
    price: columns.price[row] ?? 0,
    volume: columns.volume[row] ?? 0,
    timeMicros: columns.timeMicros[row] ?? 0,
  };
}

/** `{T:"pos", at}` as an element of an array. */
export function positionElement(codec: CodecName, at: string): Buffer {
  const writer = fragmentWriter(codec);
  writer.position(at);
  return Buffer.from(writer.bytes.subarray(0, writer.length - writer.separatorBytes));
}
