import { setImmediate } from 'node:timers/promises';
import { flushLogger } from '../logger.ts';
import { describeError } from '../errors.ts';
import { encodeFlushNotice } from '../stream/flush-notice.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import { TickColumns } from '../market/tick-columns.ts';
import { BatchReader, type ReadBatch } from './batch-reader.ts';
import { writeBatch } from './batch-writer.ts';
import type { Watermark } from './chain-filter.ts';
import type { CoordinatorBuffer, CoordinatorOptions, CoordinatorStore, FlushReport } from './coordinator-ports.ts';
import { BatchEncoder } from './batch-encoder.ts';
import { type FlushBatch, planBatch, rowsAfter } from './batch-planner.ts';
import type { FlushSession } from './flush-session.ts';
import type { EncodedBatch } from './flush-transaction.ts';
import { RetainedEntries } from './retained-entries.ts';

/** Scratch space of one batch; two are used in turn, so that one is filled while the other is copied. */
interface Slot {
  readonly columns: TickColumns;
  readonly encoder: BatchEncoder;
}

interface Prepared {
  readonly read: ReadBatch;
  readonly batch: FlushBatch;
  readonly encoded: EncodedBatch;
  readonly slot: Slot;
}

const NOTHING_FLUSHED: FlushReport = { rows: 0, rejected: 0, flushMs: 0, committedAtMs: 0, passed: [] };

/**
 * Batches grow by so much while the stream is behind, within these bounds: rows of one symbol then fill whole pages of
 * the index. Not by more than a part of what waits, since a feed whose window is full goes on when a batch is
 * committed, in as large a burst: a deep backlog is stored in large batches, a window's worth in small ones.
 */
const BEHIND_FACTOR = { least: 1.5, most: 3 };
const BEHIND_ROWS_A_SYMBOL = 600;
const BEHIND_PART = 4;

/**
 * The first batch is a part of an ordinary one: until it is read and encoded PostgreSQL has nothing to do. The next ones
 * may be so many times larger each, since a batch is read and encoded in less than half the time it takes to store.
 */
const FIRST_PART = 4;
const GROWTH = 3;

/** Symbols remembered between batches before the tables are made anew. */
const MAX_KNOWN_SYMBOLS = 100_000;
/** After so many batches in a row that take a quarter of the scratch space or less, it is given back; if it is much. */
const ROOMY_BATCHES = 200;
const ROOMY_ROWS = 65_536;

/**
 * One batch after another from the stream into the database. While a batch is copied the next is read and encoded on
 * the assumption that the copy succeeds; it is thrown away if it does not.
 */
export class FlushCycle {
  readonly #buffer: CoordinatorBuffer;
  readonly #store: CoordinatorStore;
  readonly #options: CoordinatorOptions;
  readonly reader: BatchReader;
  readonly #retained: RetainedEntries;
  #slots: [Slot, Slot] = [newSlot(), newSlot()];
  /** Rows as last seen or written; a transaction checks what it builds on. */
  readonly #rows = new Map<string, Watermark>();
  #prefetched: Promise<Prepared> | undefined;
  #maxTicks: number;
  #streamId: string | undefined;
  #handled = 0;
  #isAtEnd = false;
  #roomyBatches = 0;

  constructor(buffer: CoordinatorBuffer, store: CoordinatorStore, options: CoordinatorOptions) {
    this.#buffer = buffer;
    this.#store = store;
    this.#options = options;
    this.#maxTicks = Math.ceil(options.limits.maxTicks / FIRST_PART);
    this.reader = new BatchReader(buffer);
    this.#retained = new RetainedEntries(options.resumeWindow);
  }

  /** Whether the last reading reached the end of the stream. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Whether a batch is being made ready already. */
  get hasMore(): boolean {
    return this.#prefetched !== undefined;
  }

  /** Forgets what was assumed: rows are read again, and the stream from its start. */
  async startOver(): Promise<void> {
    await this.discard();
    this.#retained.clear();
    this.reader.rewind();
  }

  /** Throws away the batch being made ready, and what is believed of the rows. The cursor stays. */
  async discard(): Promise<void> {
    const prefetched = this.#prefetched;
    this.#prefetched = undefined;
    this.#rows.clear();
    await prefetched?.catch(() => undefined);
  }

  /** After a failure: smaller batches, down to one frame; they grow again with success. */
  shrink(): void {
    this.#maxTicks = Math.max(1, this.#maxTicks >> 1);
  }

  /** The bound of the batch after one that is stored. */
  #grown(symbols: number, pendingTicks: number): number {
    const { maxTicks } = this.#options.limits;
    const wanted = Math.max(symbols * BEHIND_ROWS_A_SYMBOL, pendingTicks / BEHIND_PART) / maxTicks;
    const factor = this.#isAtEnd ? 1 : Math.min(BEHIND_FACTOR.most, Math.max(BEHIND_FACTOR.least, wanted));
    return Math.min(maxTicks * factor, this.#maxTicks * GROWTH);
  }

  /**
   * Flushes one batch.
   * @param prefetch whether to make the next one ready meanwhile
   * @returns undefined when the stream had nothing new
   * @throws what PostgreSQL, Redis or a connection threw; nothing is lost by it
   */
  async flushOnce(session: FlushSession, prefetch: boolean): Promise<FlushReport | undefined> {
    const startedMs = Date.now();
    const prepared = await this.#takePrepared();
    const { read, batch, encoded, slot } = prepared;
    this.#isAtEnd = read.atEnd && batch.passed.length === read.entries.length;
    if (read.entries.length === 0) return read.atEnd ? undefined : NOTHING_FLUSHED;
    if (batch.frames.length === 0) {
      this.#pass(prepared, startedMs);
      return NOTHING_FLUSHED;
    }
    const nextMaxTicks = this.#grown(batch.columns.symbolTable.names.length, read.pendingTicks);
    // Not before PostgreSQL is busy: until then our processor time is what it waits for.
    const onCopying = prefetch && !this.#isAtEnd ? () => this.#prefetch(batch, slot, nextMaxTicks) : undefined;
    const options = { store: this.#store, encoder: slot.encoder, ...(onCopying && { onCopying }) };
    const { result, written } = await session.exclusively(() => writeBatch(session.client, encoded, options));
    if (result.outcome !== 'committed') {
      await this.discard();
      if (result.outcome === 'no-lock') session.leads = false;
      return NOTHING_FLUSHED;
    }
    for (const [feed, row] of rowsAfter(batch.assumed, batch)) this.#rows.set(feed, row);
    this.#maxTicks = nextMaxTicks;
    const committedAtMs = Date.now();
    const report = {
      rows: written.rows,
      rejected: written.rejected.length,
      flushMs: committedAtMs - startedMs,
      committedAtMs,
      passed: batch.passed,
    };
    this.#pass(prepared, committedAtMs);
    await this.#announce(batch, result.reached, result.bars, report);
    await this.trim(Date.now());
    return report;
  }

  /** Counts what was handled and removes what is past the resume window or of a dead generation. */
  async trim(nowMs: number): Promise<void> {
    if (this.#streamId === undefined) return;
    const due = this.#retained.takeDue(nowMs);
    const gone = await this.#buffer.trim(this.#streamId, this.#handled, due, this.#retained.staleRound());
    if (gone !== undefined) this.#retained.gone(gone);
  }

  async #takePrepared(): Promise<Prepared> {
    const prefetched = this.#prefetched;
    this.#prefetched = undefined;
    return prefetched ?? this.#prepare(this.reader.cursor, this.#rows, this.#slots[0], this.#maxTicks);
  }

  #prefetch(batch: FlushBatch, busy: Slot, maxTicks: number): void {
    if (this.#prefetched !== undefined) return;
    const other = this.#slots[0] === busy ? this.#slots[1] : this.#slots[0];
    const after = batch.passed.at(-1)?.id ?? this.reader.cursor;
    this.#prefetched = this.#prepare(after, rowsAfter(this.#rows, batch), other, maxTicks);
    this.#prefetched.catch(() => undefined);
  }

  async #prepare(
    after: string | undefined,
    known: ReadonlyMap<string, Watermark>,
    slot: Slot,
    maxTicks: number,
  ): Promise<Prepared> {
    const read = await this.reader.next(maxTicks, after);
    const rows = await this.#withMissingRows(read, known);
    const limits = { ...this.#options.limits, maxTicks };
    const batch = planBatch(read.entries, rows, limits, slot.columns);
    // Planning and encoding a large batch take tens of milliseconds each: sockets get a turn between them.
    await setImmediate();
    return { read, batch, encoded: slot.encoder.encode(batch, new Map()), slot };
  }

  async #withMissingRows(
    read: ReadBatch,
    known: ReadonlyMap<string, Watermark>,
  ): Promise<ReadonlyMap<string, Watermark>> {
    const missing = new Set<string>();
    for (const entry of read.entries) {
      // A generation we don't know is a renewal we didn't see: the row is read again.
      if (known.get(entry.feed)?.generation !== entry.generation) missing.add(entry.feed);
    }
    if (missing.size === 0) return known;
    const rows = new Map(known);
    const feeds = [...missing];
    for (const [feed, row] of await this.#store.readRows(feeds)) rows.set(feed, row);
    // A row of another generation than the feed's place is one that came back with an older database: entries of that
    // generation, left over in the stream, were given up long ago. Nothing of the feed is stored until it opens anew.
    const feedStates = await this.#buffer.feedStates(feeds);
    feeds.forEach((feed, at) => {
      const state = feedStates[at];
      if (state !== undefined && state.generation !== rows.get(feed)?.generation) rows.delete(feed);
    });
    return rows;
  }

  /** Moves the cursor behind what has been dealt with, and remembers it for trimming. */
  #pass({ read, batch }: Prepared, nowMs: number): void {
    if (read.streamId !== this.#streamId) this.#retained.clear();
    this.#streamId = read.streamId;
    const last = batch.passed.at(-1);
    if (last === undefined) return;
    this.reader.moveTo(last.id, read);
    this.#handled = last.total;
    for (const entry of batch.passed) {
      if (batch.stale.has(entry.id)) this.#retained.stale(entry);
      else this.#retained.committed(entry.id, entry.bytes, nowMs);
    }
    this.#renewSlots(batch.columns);
  }

  /** Tells the feeds, the fast way; where it fails they learn it by the gateways' look. */
  async #announce(
    batch: FlushBatch,
    reached: ReadonlyMap<string, number>,
    bars: readonly MinuteBar[],
    report: FlushReport,
  ): Promise<void> {
    const feeds = batch.advances.map(({ feed, generation, to }) => ({
      feed,
      generation,
      seq: reached.get(feed) ?? to,
    }));
    try {
      await this.#buffer.publishFlush(encodeFlushNotice({ feeds, rows: report.rows, flushMs: report.flushMs, bars }));
    } catch (error) {
      flushLogger.warn({ cause: describeError(error) }, 'a flush could not be announced');
    }
  }

  /** Scratch space for what a stall had piled up is not kept for ever, nor are symbols that were seen once. */
  #renewSlots({ length, capacity }: TickColumns): void {
    this.#roomyBatches = capacity < ROOMY_ROWS || length * 4 > capacity ? 0 : this.#roomyBatches + 1;
    const isRoomy = this.#roomyBatches > ROOMY_BATCHES;
    const isCrowded = this.#slots.some((slot) => slot.columns.symbolTable.names.length > MAX_KNOWN_SYMBOLS);
    if ((!isRoomy && !isCrowded) || this.#prefetched !== undefined) return;
    this.#slots = [newSlot(), newSlot()];
    this.#roomyBatches = 0;
  }
}

function newSlot(): Slot {
  return { columns: new TickColumns(), encoder: new BatchEncoder() };
}
