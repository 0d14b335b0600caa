import { BadFrameError } from '../market/bad-frame-error.ts';
import type { EntryFrame, StreamEntry } from '../stream/stream-entry.ts';
import type { TickColumns } from '../market/tick-columns.ts';
import { DAY_MICROS } from '../market/tick.ts';
import { ChainFilter, type Watermark } from './chain-filter.ts';

/** An entry of the stream with what is in it. */
export interface ReadEntry {
  readonly id: string;
  readonly feed: string;
  readonly generation: string;
  /** Running total of ticks in the stream, up to and with this entry. */
  readonly total: number;
  readonly bytes: number;
  readonly content: StreamEntry;
}

/** A frame that the batch stores. */
export interface TakenFrame {
  readonly feed: string;
  readonly frame: EntryFrame;
  /** Index of its first row in the batch's columns. */
  readonly firstRow: number;
}

/** How a feed's watermark moves: a compare-and-set. */
export interface Advance {
  readonly feed: string;
  readonly generation: string;
  readonly from: number;
  readonly to: number;
  readonly writer: string;
}

export interface BatchLimits {
  /** A batch ends with the frame that reaches this; it holds one frame at the least. */
  readonly maxTicks: number;
  /** Days (so chunks to lock) a batch may touch before the frame that would add another waits for the next one. */
  readonly maxDays: number;
}

/** The plan of one transaction, made from entries and from watermarks as they were assumed. Pure data. */
export interface FlushBatch {
  readonly frames: readonly TakenFrame[];
  readonly advances: readonly Advance[];
  readonly columns: TickColumns;
  /** Entries wholly dealt with: the cursor may pass them after the commit. */
  readonly passed: readonly ReadEntry[];
  /** Of those, the ones in which something was neither stored now nor before. */
  readonly stale: ReadonlySet<string>;
  /** The rows this batch builds on; the transaction checks that they still are so. */
  readonly assumed: ReadonlyMap<string, Watermark>;
}

/**
 * Plans a transaction: which frames of `entries` it stores, and how the watermarks move.
 * @param columns are emptied and filled with the batch's ticks, in the order of arrival
 */
export function planBatch(
  entries: readonly ReadEntry[],
  rows: ReadonlyMap<string, Watermark>,
  limits: BatchLimits,
  columns: TickColumns,
): FlushBatch {
  columns.clear();
  const filter = new ChainFilter(rows);
  const days = new DayCounter(limits.maxDays);
  const frames: TakenFrame[] = [];
  const writers = new Map<string, string>();
  const passed: ReadEntry[] = [];
  const stale = new Set<string>();
  let ticks = 0;
  let isFull = false;
  for (const entry of entries) {
    if (isFull) break;
    for (const frame of entry.content.frames) {
      if (ticks >= limits.maxTicks && frames.length > 0) {
        isFull = true;
        break;
      }
      const firstRow = columns.length;
      const verdict = filter.classify(entry.feed, entry.generation, frame.prev, frame.seq);
      if (verdict === 'repeat') continue;
      if (verdict !== 'take') {
        stale.add(entry.id);
        continue;
      }
      if (!appendReadable(columns, frame)) {
        filter.breakOff(entry.feed);
        stale.add(entry.id);
        continue;
      }
      if (!days.admit(columns, firstRow) && frames.length > 0) {
        columns.length = firstRow;
        isFull = true;
        break;
      }
      filter.take(entry.feed, frame.seq);
      frames.push({ feed: entry.feed, frame, firstRow });
      writers.set(entry.feed, entry.content.writer);
      ticks += frame.count + frame.rejected.length;
    }
    if (entry.content.frames.length === 0) stale.add(entry.id);
    if (!isFull) passed.push(entry);
  }
  return {
    frames,
    advances: advancesOf(rows, filter, writers),
    columns,
    passed,
    stale,
    assumed: assumedOf(rows, writers),
  };
}

/** Appends a frame's rows; false, and nothing appended, where they are not rows. */
function appendReadable(columns: TickColumns, frame: EntryFrame): boolean {
  const firstRow = columns.length;
  try {
    if (frame.skip || columns.appendRows(frame.rows, 0, frame.rows.length) === frame.count) return true;
  } catch (error) {
    if (!(error instanceof BadFrameError)) throw error;
  }
  columns.length = firstRow;
  return false;
}

function advancesOf(
  rows: ReadonlyMap<string, Watermark>,
  filter: ChainFilter,
  writers: ReadonlyMap<string, string>,
): Advance[] {
  const advances: Advance[] = [];
  for (const [feed, writer] of writers) {
    const row = rows.get(feed);
    const to = filter.reached(feed);
    if (row !== undefined && to !== undefined)
      advances.push({ feed, generation: row.generation, from: row.seq, to, writer });
  }
  return advances.sort((a, b) => (a.feed < b.feed ? -1 : 1));
}

function assumedOf(rows: ReadonlyMap<string, Watermark>, writers: ReadonlyMap<string, string>): Map<string, Watermark> {
  return new Map([...rows].filter(([feed]) => writers.has(feed)));
}

/** Watermarks as they will be once `batch` is committed: a prefetched batch builds on them. */
export function rowsAfter(rows: ReadonlyMap<string, Watermark>, batch: FlushBatch): Map<string, Watermark> {
  const after = new Map(rows);
  for (const advance of batch.advances) after.set(advance.feed, { seq: advance.to, generation: advance.generation });
  return after;
}

/** Counts the distinct days of a batch, cheaply: neighbours are mostly of one day. */
class DayCounter {
  readonly #maxDays: number;
  readonly #days = new Set<number>();

  constructor(maxDays: number) {
    this.#maxDays = maxDays;
  }

  /** Counts the days of the rows from `firstRow` on. @returns false when they are too many together */
  admit(columns: TickColumns, firstRow: number): boolean {
    let last = Number.NaN;
    for (let row = firstRow; row < columns.length; row++) {
      const day = Math.floor((columns.timeMicros[row] ?? 0) / DAY_MICROS);
      if (day === last) continue;
      last = day;
      this.#days.add(day);
    }
    return this.#days.size <= this.#maxDays;
  }
}

/** The frame of a row of the batch, and the tick's index in it as the feed sent it. */
export function locateRow(
  batch: FlushBatch,
  row: number,
): { readonly taken: TakenFrame; readonly index: number } | undefined {
  let low = 0;
  let high = batch.frames.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((batch.frames[middle]?.firstRow ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  // Frames without rows share their firstRow with the next one: step back to the one that holds the row.
  while (low > 0 && row >= (batch.frames[low]?.firstRow ?? 0) + (batch.frames[low]?.frame.count ?? 0)) low--;
  const taken = batch.frames[low];
  if (taken === undefined || row < taken.firstRow || row >= taken.firstRow + taken.frame.count) return undefined;
  let index = row - taken.firstRow;
  for (const rejected of taken.frame.rejected) if (rejected.index <= index) index += 1;
  return { taken, index };
}
