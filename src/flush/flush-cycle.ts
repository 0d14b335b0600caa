import { nextTurn } from '../base/next-turn.ts';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { flushLogger } from '../logger.ts';
import { describeError } from '../errors.ts';
import { encodeFlushNotice } from '../stream/flush-notice.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import { TickColumns } from '../market/tick-columns.ts';
import { BatchReader, type ReadBatch } from './batch-reader.ts';
import { writeBatch } from './batch-writer.ts';
import type { Watermark } from './chain-filter.ts';
import type {
  CoordinatorBuffer,
  CoordinatorOptions,
  CoordinatorStore,
  FlushReport,
  FlushResult,
} from './coordinator-ports.ts';
import { BatchEncoder } from './batch-encoder.ts';
import { type FlushBatch, planBatch, rowsAfter } from './batch-planner.ts';
import type { FlushSession } from './flush-session.ts';
import type { EncodedBatch } from './flush-transaction.ts';
import { RetainedEntries } from './retained-entries.ts';

/** Scratch space of one batch: two are used in turn, so that one is filled while the other is copied. */
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

/** The session that a batch is written on; see {@link FlushSession}. */
type WritingSession = Pick<FlushSession, 'client' | 'exclusively'>;

/**
 * Batches grow by these factors while the stream is behind: rows of one symbol then fill whole pages of the index. Not
 * beyond a part of the backlog, since a feed whose window is full goes on when a batch is committed, in as large a
 * burst: a deep backlog is stored in large batches, a window's worth in small ones.
 */
const BEHIND_FACTOR = { least: 1.5, most: 3 };
const BEHIND_ROWS_A_SYMBOL = 600;
const BEHIND_PART = 4;

/**
 * The first batch is a part of an ordinary one: until it is read and encoded PostgreSQL has nothing to do. The next ones
 * may be three times larger each, since a batch is read and encoded in less than half the time it takes to store.
 */
const FIRST_PART = 4;
const GROWTH = 3;

/** Symbols remembered between batches, at most: then the tables are made anew. */
const MAX_KNOWN_SYMBOLS = 100_000;
/** Large scratch space is given back after so many batches in a row that take a quarter of it or less. */
const ROOMY_BATCHES = 200;
const ROOMY_ROWS = 65_536;

/**
 * Stores the stream batch by batch. While one batch is copied the next is prefetched: read and encoded on the
 * assumption that the copy succeeds.
 *
 * Maintained invariant: before the cursor, and among the retained entries, lie only entries that are committed,
 * repeat committed ones, or are stale; the watermarks are as they were read or committed. All of them move after COMMIT
 * has been answered and never before. A prefetched batch, which builds on one that is under way, is used only when that
 * one is committed, and discarded else. After an error, which may hide a commit, the watermarks are forgotten and read
 * again, while the cursor stays: a batch that is read twice consists of repeats. None of this is trusted for
 * exactly-once: each transaction compares the watermarks with those that its batch was made from.
 */
export class FlushCycle {
  readonly #buffer: CoordinatorBuffer;
  readonly #store: CoordinatorStore;
  readonly #options: CoordinatorOptions;
  readonly #clock: Clock;
  readonly #reader: BatchReader;
  readonly #retained: RetainedEntries;
  #slots: [Slot, Slot] = [newSlot(), newSlot()];
  /** Committed entries that are due to be trimmed, until Redis has answered that it did so. */
  #untrimmed: readonly string[] = [];
  /** Watermarks as last read or written; a transaction checks those it builds on. */
  readonly #rows = new Map<string, Watermark>();
  #prefetched: Promise<Prepared> | undefined;
  #maxTicks: number;
  #streamId: string | undefined;
  #handled = 0;
  #roomyBatches = 0;

  constructor(buffer: CoordinatorBuffer, store: CoordinatorStore, options: CoordinatorOptions) {
    this.#buffer = buffer;
    this.#store = store;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#maxTicks = Math.ceil(options.limits.maxTicks / FIRST_PART);
    this.#reader = new BatchReader(buffer);
    this.#retained = new RetainedEntries(options.resumeWindow);
  }

  /** Whether a batch is prefetched, or being so: the next flush does not read the stream as it is by then. */
  get hasPrefetched(): boolean {
    return this.#prefetched !== undefined;
  }

  /** Begins anew: the watermarks are read again, and the stream from its start. */
  async startOver(): Promise<void> {
    await this.discard();
    this.#forgetEntries();
    this.#reader.rewind();
  }

  /** Discards the prefetched batch, and the watermarks as they are believed. The cursor stays. */
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

  /** The bound of the batch after the present one. */
  #grown(symbols: number, pendingTicks: number, atEnd: boolean): number {
    const { maxTicks } = this.#options.limits;
    const wanted = Math.max(symbols * BEHIND_ROWS_A_SYMBOL, pendingTicks / BEHIND_PART) / maxTicks;
    const factor = atEnd ? 1 : Math.min(BEHIND_FACTOR.most, Math.max(BEHIND_FACTOR.least, wanted));
    return Math.min(maxTicks * factor, this.#maxTicks * GROWTH);
  }

  /**
   * Flushes one batch.
   * @param prefetch whether to make the next one ready meanwhile
   * @throws what PostgreSQL, Redis or a connection threw; nothing is lost by it, if `discard()` is called before the
   *   next flush
   */
  async flushOnce(session: WritingSession, prefetch: boolean): Promise<FlushResult> {
    const startedMs = this.#clock.now();
    const prepared = await this.#takePrepared();
    const { read, batch, encoded, slot } = prepared;
    const atEnd = read.atEnd && batch.passed.length === read.entries.length;
    if (read.entries.length === 0) return { kind: read.atEnd ? 'nothing-new' : 'outdated', atEnd };
    if (batch.frames.length === 0) {
      this.#pass(prepared, startedMs);
      return { kind: 'passed', atEnd };
    }
    const nextMaxTicks = this.#grown(batch.columns.symbolTable.names.length, read.pendingTicks, atEnd);
    // Not before PostgreSQL is busy: until then it waits for our processor time.
    const onCopying = prefetch && !atEnd ? () => this.#prefetch(batch, slot, nextMaxTicks) : undefined;
    const options = { store: this.#store, encoder: slot.encoder, ...(onCopying && { onCopying }) };
    const { result, written } = await session.exclusively(() => writeBatch(session.client, encoded, options));
    if (result.outcome !== 'committed') {
      await this.discard();
      return { kind: result.outcome === 'no-lock' ? 'lost-leadership' : 'outdated', atEnd };
    }
    for (const [feed, row] of rowsAfter(batch.assumed, batch)) this.#rows.set(feed, row);
    this.#maxTicks = nextMaxTicks;
    const committedAtMs = this.#clock.now();
    const report = {
      rows: written.rows,
      rejected: written.rejected.length,
      flushMs: committedAtMs - startedMs,
      committedAtMs,
      passed: batch.passed,
    };
    this.#pass(prepared, committedAtMs);
    await this.#announce(batch, result.reached, result.bars, report);
    await this.#trim();
    return { kind: 'flushed', report, atEnd };
  }

  /** Trims entries that are past the resume window or of a dead generation, and counts as handled what was. */
  async #trim(): Promise<void> {
    if (this.#streamId === undefined) return;
    const due = this.#retained.takeDue(this.#clock.now());
    this.#untrimmed = this.#untrimmed.length === 0 ? due : this.#untrimmed.concat(due);
    const stale = this.#retained.staleRound();
    const removed = await this.#buffer.trim(this.#streamId, this.#handled, this.#untrimmed, stale);
    this.#untrimmed = [];
    if (removed !== undefined) this.#retained.gone(removed);
  }

  #forgetEntries(): void {
    this.#retained.clear();
    this.#untrimmed = [];
  }

  async #takePrepared(): Promise<Prepared> {
    const prefetched = this.#prefetched;
    this.#prefetched = undefined;
    return prefetched ?? this.#prepare(this.#reader.cursor, this.#rows, this.#slots[0], this.#maxTicks);
  }

  #prefetch(batch: FlushBatch, busy: Slot, maxTicks: number): void {
    if (this.#prefetched !== undefined) return;
    const other = this.#slots[0] === busy ? this.#slots[1] : this.#slots[0];
    const after = batch.passed.at(-1)?.id ?? this.#reader.cursor;
    this.#prefetched = this.#prepare(after, rowsAfter(this.#rows, batch), other, maxTicks);
    this.#prefetched.catch(() => undefined);
  }

  async #prepare(
    after: string | undefined,
    known: ReadonlyMap<string, Watermark>,
    slot: Slot,
    maxTicks: number,
  ): Promise<Prepared> {
    const read = await this.#reader.next(maxTicks, after);
    const rows = await this.#withMissingRows(read, known);
    const limits = { ...this.#options.limits, maxTicks };
    const batch = planBatch(read.entries, rows, limits, slot.columns);
    // Planning and encoding a large batch take tens of milliseconds each: sockets get a turn between them.
    await nextTurn();
    return { read, batch, encoded: slot.encoder.encode(batch, new Map()), slot };
  }

  async #withMissingRows(
    read: ReadBatch,
    known: ReadonlyMap<string, Watermark>,
  ): Promise<ReadonlyMap<string, Watermark>> {
    const missing = new Set<string>();
    for (const entry of read.entries) {
      // An unknown generation is a renewal that we have not seen: the watermark is read again.
      if (known.get(entry.feed)?.generation !== entry.generation) missing.add(entry.feed);
    }
    if (missing.size === 0) return known;
    const rows = new Map(known);
    const feeds = [...missing];
    for (const [feed, row] of await this.#store.readRows(feeds)) rows.set(feed, row);
    // A watermark of another generation than the feed's state came back with an older database: stale entries of that
    // generation in the stream were given up long ago. Nothing of the feed is stored until it opens anew.
    const feedStates = await this.#buffer.feedStates(feeds);
    feeds.forEach((feed, at) => {
      const state = feedStates[at];
      if (state !== undefined && state.generation !== rows.get(feed)?.generation) rows.delete(feed);
    });
    return rows;
  }

  /** Moves the cursor behind entries that have been dealt with, and remembers them for trimming. */
  #pass({ read, batch }: Prepared, nowMs: number): void {
    if (read.streamId !== this.#streamId) this.#forgetEntries();
    this.#streamId = read.streamId;
    const last = batch.passed.at(-1);
    if (last === undefined) return;
    this.#reader.moveTo(last.id, read);
    this.#handled = last.total;
    for (const entry of batch.passed) {
      if (batch.stale.has(entry.id)) this.#retained.stale(entry);
      else this.#retained.committed(entry.id, entry.bytes, nowMs);
    }
    this.#renewSlots(batch.columns);
  }

  /** Announces the commit to the feeds; where it fails, they learn of it when the gateways reconcile. */
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

  /** Gives back scratch space that a stall's backlog had needed, and symbols that were seen once. */
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
