import type { RowList } from '../../base/row-list.ts';
import type { OutgoingTick } from '../../market/last-prices.ts';
import type { TickColumns } from '../../market/tick-columns.ts';
import type { ArrayFrame } from '../../protocol/array-frame.ts';
import type { CodecName } from '../../protocol/version.ts';
import { FragmentBuffer } from './fragment-buffer.ts';

/** Encodes each tick of a batch at most once in one codec, and builds frames of those that are wanted. */
export class TickEncoder {
  readonly codec: CodecName;
  /** One slot a row of the columns. */
  readonly #fragments: FragmentBuffer;
  #columns: TickColumns | undefined;

  constructor(codec: CodecName) {
    this.codec = codec;
    this.#fragments = new FragmentBuffer(codec);
  }

  /** Begins a batch, which may grow afterwards: ticks encoded before are forgotten. */
  begin(columns: TickColumns): void {
    this.#columns = columns;
    this.#fragments.clear();
  }

  /** A frame of these rows, in their order. */
  frame(rows: RowList, tail?: Buffer): ArrayFrame {
    const fragments = this.#fragments;
    this.#reserve();
    for (let index = 0; index < rows.length; index++) {
      const row = rows.at(index);
      if (!fragments.isWritten(row)) this.#encode(row);
    }
    return fragments.frame(rows, tail);
  }

  /** Encodes every row up to `to`: to be called before any one of them is asked for, if all will be. */
  encodeThrough(to: number): void {
    const from = this.#fragments.slots;
    this.#reserve();
    for (let row = from; row < to; row++) if (!this.#fragments.isWritten(row)) this.#encode(row);
  }

  /** A frame of all rows from `from` up to `to`, which {@link encodeThrough} has encoded one after the other. */
  rangeFrame(from: number, to: number, tail?: Buffer): ArrayFrame {
    return this.#fragments.rangeFrame(from, to, tail);
  }

  #reserve(): void {
    this.#fragments.reserve(this.#columns?.length ?? 0);
  }

  #encode(row: number): void {
    if (this.#columns !== undefined) this.#fragments.writeTick(row, 't', tickOfRow(this.#columns, row));
  }
}

function tickOfRow(columns: TickColumns, row: number): OutgoingTick {
  const symbol = columns.symbol[row] ?? 0;
  return {
    symbol: columns.symbolTable.names[symbol] ?? '',
    symbolBytes: columns.symbolTable.bytesOf(symbol),
    price: columns.price[row] ?? 0,
    volume: columns.volume[row] ?? 0,
    timeMicros: columns.timeMicros[row] ?? 0,
  };
}
