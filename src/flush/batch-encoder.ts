import { ByteWriter } from '../market/byte-writer.ts';
import { buildBars } from './bar-builder.ts';
import { encodeBars } from './bar-columns.ts';
import { CopyEncoder } from './copy-encoder.ts';
import { type FlushBatch, locateRow } from './batch-planner.ts';
import type { EncodedBatch, RejectedRow } from './flush-transaction.ts';

/** Rows of a batch that the database refuses, and why: SQLSTATE and constraint, never the row's content. */
export type RefusedRows = ReadonlyMap<number, string>;

/** Encodes a planned batch for its transaction. Holds the buffer of one batch at a time. */
export class BatchEncoder {
  readonly #copy = new CopyEncoder();

  /** @returns a batch that is valid until the next call */
  encode(batch: FlushBatch, refused: RefusedRows): EncodedBatch {
    const without = new Set(refused.keys());
    const bars = buildBars(batch.columns, without);
    return {
      batch,
      copyBytes: this.#copy.encode(batch.columns, without),
      rows: batch.columns.length - without.size,
      bars,
      barColumns: encodeBars(bars),
      rejected: [...rejectedOf(batch), ...refusedOf(batch, refused)],
    };
  }

  /** COPY bytes of some rows only, for finding the one that is refused. */
  encodeOnly(batch: FlushBatch, rows: ReadonlySet<number>): Buffer {
    const without = new Set<number>();
    for (let row = 0; row < batch.columns.length; row++) if (!rows.has(row)) without.add(row);
    return Buffer.from(this.#copy.encode(batch.columns, without));
  }
}

function* rejectedOf(batch: FlushBatch): Generator<RejectedRow> {
  for (const { feed, frame } of batch.frames) {
    for (const { index, reason, raw } of frame.rejected) yield { feed, seq: frame.seq, index, reason, raw };
  }
}

function* refusedOf(batch: FlushBatch, refused: RefusedRows): Generator<RejectedRow> {
  for (const [row, reason] of refused) {
    const found = locateRow(batch, row);
    if (found === undefined) continue;
    yield { feed: found.taken.feed, seq: found.taken.frame.seq, index: found.index, reason, raw: rowBytes(batch, row) };
  }
}

/** The row as canonical msgpack. */
function rowBytes(batch: FlushBatch, row: number): Buffer {
  const { columns } = batch;
  const out = new ByteWriter(64);
  out.byte(0x94);
  out.msgpackShortString(columns.symbolTable.bytesOf(columns.symbol[row] ?? 0));
  out.msgpackDouble(columns.price[row] ?? 0);
  out.msgpackUint(columns.volume[row] ?? 0);
  out.msgpackUint(columns.timeMicros[row] ?? 0);
  return out.copy();
}
