import type { TickColumns } from '../../market/tick-columns.ts';
import type { CodecName } from '../../protocol/version.ts';
import { type FragmentWriter, fragmentWriter, type OutgoingTick } from './fragment-writer.ts';
import { RowList } from './row-list.ts';
import { type ArrayFrame, arrayFrame } from './web-socket-frame.ts';

const INITIAL_ROWS = 4_096;
const NOT_ENCODED = -1;
const ONE_PIECE = RowList.range(0, 1);

/** Encodes each tick of a batch at most once in one codec, and builds frames of those that are wanted. */
export class TickEncoder {
  readonly codec: CodecName;
  readonly #writer: FragmentWriter;
  #columns: TickColumns | undefined;
  #starts = new Int32Array(INITIAL_ROWS);
  #ends = new Int32Array(INITIAL_ROWS);
  /** Rows that `#starts` says something of. */
  #covered = 0;

  constructor(codec: CodecName) {
    this.codec = codec;
    this.#writer = fragmentWriter(codec);
  }

  /** Begins a batch, which may grow afterwards: what was encoded before is forgotten. */
  begin(columns: TickColumns): void {
    this.#columns = columns;
    this.#covered = 0;
    this.#writer.reset();
  }

  /** A frame of these rows, in their order. */
  frame(rows: RowList, tail?: Buffer): ArrayFrame {
    this.#cover();
    for (let index = 0; index < rows.length; index++) {
      const row = rows.at(index);
      if (this.#starts[row] === NOT_ENCODED) this.#encode(row);
    }
    return arrayFrame(this.codec, this.#writer, this.#starts, this.#ends, rows, rows.length, tail);
  }

  /** Encodes every row up to `to`: to be called before any one of them is asked for, if all will be. */
  encodeThrough(to: number): void {
    const from = this.#covered;
    this.#cover();
    for (let row = from; row < to; row++) if (this.#starts[row] === NOT_ENCODED) this.#encode(row);
  }

  /** A frame of all rows from `from` up to `to`, which {@link encodeThrough} has encoded one after the other. */
  rangeFrame(from: number, to: number, tail?: Buffer): ArrayFrame {
    const starts = [this.#starts[from] ?? 0];
    const ends = [this.#ends[to - 1] ?? 0];
    return arrayFrame(this.codec, this.#writer, starts, ends, ONE_PIECE, to - from, tail);
  }

  #cover(): void {
    const length = this.#columns?.length ?? 0;
    if (length > this.#starts.length) {
      this.#starts = grown(this.#starts, length * 2);
      this.#ends = grown(this.#ends, length * 2);
    }
    if (length > this.#covered) this.#starts.fill(NOT_ENCODED, this.#covered, length);
    this.#covered = Math.max(this.#covered, length);
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

function grown(offsets: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity);
  larger.set(offsets);
  return larger;
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
