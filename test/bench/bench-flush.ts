import type { BenchContext } from './bench-context.ts';
import { marketOf, USUAL_SHAPE } from './bench-ticks.ts';
import { median } from './statistics.ts';
import { type StoreRounds, storeRounds, type StoreSummary, summarize } from './store-rounds.ts';

/** Buffered ticks into the table, against psql's copy of the same rows; medians. */
export interface FlushRow {
  readonly symbols: number;
  readonly rows: number;
  readonly flush: StoreSummary;
  readonly flushCpuMicrosPerRow: number;
  readonly copy: StoreSummary;
  /** Of rows that were sorted by symbol before: what sorting alone is worth. */
  readonly copySorted: StoreSummary;
  /** Each round's copy time by flush time: above 1 the flush is faster. */
  readonly ratios: readonly number[];
}

export async function benchFlush(context: BenchContext): Promise<FlushRow[]> {
  const { flushRows: rows, flushRounds: rounds, manySymbols } = context.size;
  const results: FlushRow[] = [];
  for (const symbols of [USUAL_SHAPE.symbols, manySymbols]) {
    const measured = await storeRounds(context, {
      rows,
      rounds,
      shape: marketOf(symbols),
      copies: ['arrival', 'sorted'],
    });
    const row = toRow(symbols, measured);
    results.push(row);
    context.say(
      `  ${symbols} symbols: ${median(row.ratios).toFixed(2)} × \\copy (${row.ratios.map((each) => each.toFixed(2)).join(' ')})`,
    );
  }
  return results;
}

function toRow(symbols: number, { rows, flushes, copies }: StoreRounds): FlushRow {
  const none: StoreSummary = { rowsPerSecond: Number.NaN, backendCpuMicrosPerRow: undefined };
  return {
    symbols,
    rows,
    flush: summarize(rows, flushes) ?? none,
    flushCpuMicrosPerRow: (median(flushes.map((each) => each.cpuSeconds)) * 1e6) / rows,
    copy: summarize(rows, copies.arrival) ?? none,
    copySorted: summarize(rows, copies.sorted) ?? none,
    ratios: flushes.map((flush, round) => (copies.arrival?.[round]?.wallSeconds ?? Number.NaN) / flush.wallSeconds),
  };
}
