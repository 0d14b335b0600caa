import type { ChainFilter, Watermark } from '../../src/flush/chain-filter.ts';
import { DivergenceDetector, type FeedObservation } from '../../src/flush/divergence-detector.ts';
import { FlushTransaction, type ModelAdvance } from './database-model.ts';
import type { ModelFrame } from './feed-model.ts';
import { ask, type Call, type Job, ServiceFailure } from './model-call.ts';
import type { ModelEntry, ModelPage } from './redis-model.ts';
import type { World } from './world.ts';

type Steps<T> = Generator<Call<unknown>, T, void>;

/** What one transaction is to store; see `flush/batch-planner.ts`. */
interface Batch {
  readonly read: ModelPage;
  readonly rows: ReadonlyMap<string, Watermark>;
  readonly frames: readonly ModelFrame[];
  readonly advances: readonly ModelAdvance[];
  readonly passed: readonly ModelEntry[];
  readonly stale: ReadonlySet<number>;
}

const NO_ENTRY = 0;
const MAX_ENTRIES_A_PAGE = 8;
const MAX_STALE = 50;

/** One flush coordinator: `flush-cycle.ts`, `batch-reader.ts` and `divergence-check.ts`, in small and step by step. */
export class CoordinatorModel {
  readonly name: string;
  readonly #world: World;
  readonly #detector = new DivergenceDetector();
  #observed: readonly FeedObservation[] = [];
  #rows = new Map<string, Watermark>();
  #cursor = NO_ENTRY;
  #run = '';
  #streamId: string | undefined;
  #prefetched: Batch | undefined;
  readonly #committedIds = new Set<number>();
  readonly #stale = new Map<number, ModelEntry>();
  #trimStreamId: string | undefined;
  #transaction: FlushTransaction | undefined;
  /** The session with PostgreSQL was lost: what is believed is read again. */
  isSessionLost = true;
  /** Turns completed, of flushing or judging. */
  turns = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  get transaction(): FlushTransaction | undefined {
    return this.#transaction;
  }

  *run(): Job {
    for (;;) {
      try {
        if (this.isSessionLost) {
          yield* ask('database', 'connect', () => undefined);
          this.isSessionLost = false;
          this.#startOver();
          this.#resetDivergence();
        }
        const atEnd = yield* this.#flushOnce();
        if (atEnd) yield* this.#divergenceTurn();
      } catch (error) {
        if (!(error instanceof ServiceFailure)) throw error;
        this.#loseOrRollBack(error);
        this.#discard();
        this.#resetDivergence();
      }
      this.turns += 1;
      yield* ask('none', 'pause', () => undefined);
    }
  }

  /** @returns true when the stream had nothing new */
  *#flushOnce(): Steps<boolean> {
    const prefetched = this.#prefetched;
    this.#prefetched = undefined;
    const batch = prefetched ?? (yield* this.#prepare(this.#cursor, this.#rows));
    if (batch.read.entries.length === 0) return batch.read.atEnd;
    if (batch.frames.length === 0) {
      this.#pass(batch);
      return false;
    }
    const restores = yield* this.#write(batch);
    if (restores === undefined) {
      this.#discard();
      return false;
    }
    for (const { feed, to, generation } of batch.advances) this.#rows.set(feed, { seq: to, generation });
    this.#pass(batch);
    yield* this.#announce(batch, restores);
    yield* this.#trim();
    return false;
  }

  *#prepare(after: number, known: ReadonlyMap<string, Watermark>): Steps<Batch> {
    const read = yield* this.#read(after);
    const { database, redis, rules } = this.#world;
    const unknown = read.entries.filter((entry) => known.get(entry.feed)?.generation !== entry.generation);
    if (unknown.length === 0) return this.#plan(read, known);
    const rows = new Map([...known, ...(yield* ask('database', 'read rows', () => database.read()))]);
    const feedStates = rules.asksFeedStates ? yield* ask('redis', 'read states', () => redis.feedStates()) : new Map();
    for (const { feed } of unknown) {
      const state = feedStates.get(feed);
      if (state !== undefined && state.generation !== rows.get(feed)?.generation) rows.delete(feed);
    }
    return this.#plan(read, rows);
  }

  /** `BatchReader.next`: a cursor means nothing in another run or stream id. */
  *#read(after: number): Steps<ModelPage> {
    const { redis, rules } = this.#world;
    const page = yield* ask('redis', 'read', () => redis.read(after, MAX_ENTRIES_A_PAGE));
    if (!rules.guardsCursor || (page.run === this.#run && page.streamId === this.#streamId)) return page;
    this.#run = page.run;
    this.#streamId = page.streamId;
    this.#cursor = NO_ENTRY;
    return after === NO_ENTRY ? page : { ...page, entries: [], atEnd: false };
  }

  /** `planBatch`, with frames instead of ticks. */
  #plan(read: ModelPage, rows: ReadonlyMap<string, Watermark>): Batch {
    const { rules, framesABatch } = this.#world;
    const filter: ChainFilter = rules.newFilter(rows);
    const frames: ModelFrame[] = [];
    const writers = new Map<string, string>();
    const passed: ModelEntry[] = [];
    const stale = new Set<number>();
    let isFull = false;
    for (const entry of read.entries) {
      for (const frame of entry.frames) {
        if (frames.length >= framesABatch) {
          isFull = true;
          break;
        }
        const verdict = filter.classify(entry.feed, entry.generation, frame.prev, frame.seq);
        if (verdict === 'repeat') continue;
        if (verdict !== 'take') {
          stale.add(entry.id);
          continue;
        }
        filter.take(entry.feed, frame.seq);
        frames.push(frame);
        writers.set(entry.feed, entry.writer);
      }
      if (isFull) break;
      passed.push(entry);
    }
    const advances: ModelAdvance[] = [];
    for (const [feed, writer] of writers) {
      const row = rows.get(feed);
      const to = filter.reached(feed);
      if (row !== undefined && to !== undefined)
        advances.push({ feed, generation: row.generation, from: row.seq, to, writer });
    }
    return { read, rows, frames, advances, passed, stale };
  }

  /**
   * `runFlushTransaction`, tried again without the ticks that the database refuses.
   * @returns the database's history in which it is stored, or undefined: read again
   */
  *#write(batch: Batch): Steps<number | undefined> {
    const { database, rules } = this.#world;
    const feeds = batch.advances.map((advance) => advance.feed);
    let poisoned = batch.frames.filter((frame) => frame.poisoned).length;
    for (;;) {
      const transaction = new FlushTransaction();
      this.#transaction = transaction;
      if (!(yield* ask('database', 'BEGIN', () => this.#begin(transaction)))) {
        this.#rollBack();
        this.isSessionLost = true;
        return undefined;
      }
      const free = (): boolean => !transaction.isOpen || !database.isLockedForOthers(feeds, transaction);
      const rows = yield* ask('database', 'lock rows', () => database.lockRows(transaction, feeds), free);
      if (rules.readsRowsAgain && !batch.advances.every((each) => isAsAssumed(each, rows))) {
        this.#rollBack();
        return undefined;
      }
      if (poisoned > 0) {
        poisoned -= 1;
        this.#rollBack();
        continue;
      }
      if (this.#world.prefetches && !batch.read.atEnd) yield* this.#prefetch(batch);
      yield* ask('database', 'advance', () => database.advance(transaction, batch.advances, batch.frames), free);
      const restores = yield* ask('database', 'COMMIT', () => database.commit(transaction));
      this.#transaction = undefined;
      return restores;
    }
  }

  #begin(transaction: FlushTransaction): boolean {
    if (this.isSessionLost) throw new ServiceFailure('database', true);
    return this.#world.database.begin(transaction);
  }

  *#prefetch(batch: Batch): Steps<void> {
    const rowsAfter = new Map(batch.rows);
    for (const { feed, to, generation } of batch.advances) rowsAfter.set(feed, { seq: to, generation });
    try {
      this.#prefetched = yield* this.#prepare(batch.passed.at(-1)?.id ?? this.#cursor, rowsAfter);
    } catch (error) {
      if (!(error instanceof ServiceFailure)) throw error;
    }
  }

  #pass({ read, passed, stale }: Batch): void {
    if (read.streamId !== this.#trimStreamId) this.#forgetEntries();
    this.#trimStreamId = read.streamId;
    const last = passed.at(-1);
    if (last === undefined) return;
    const isSameStream = read.run === this.#run && read.streamId === this.#streamId;
    if (isSameStream || !this.#world.rules.guardsCursor) this.#cursor = last.id;
    for (const entry of passed) {
      if (stale.has(entry.id)) this.#stale.set(entry.id, entry);
      else {
        this.#committedIds.add(entry.id);
        this.#stale.delete(entry.id);
      }
    }
  }

  *#announce({ advances }: Batch, restores: number): Steps<void> {
    const { redis } = this.#world;
    try {
      yield* ask('redis', 'publish', () => {
        for (const { feed, generation, to } of advances)
          this.#world.tellGateways({ feed, generation, seq: to, restores });
        return redis.run;
      });
    } catch (error) {
      if (!(error instanceof ServiceFailure)) throw error;
    }
  }

  *#trim(): Steps<void> {
    const { redis, keepsCommitted } = this.#world;
    const streamId = this.#trimStreamId;
    const due = keepsCommitted ? new Set<number>() : new Set(this.#committedIds);
    const stale = new Map([...this.#stale].slice(0, MAX_STALE));
    for (const id of due) this.#committedIds.delete(id);
    const gone = yield* ask('redis', 'trim', () => redis.trim(streamId, due, stale));
    for (const id of gone ?? []) this.#stale.delete(id);
  }

  /** `DivergenceCheck.turn`. */
  *#divergenceTurn(): Steps<void> {
    if (!this.#world.rules.detectsDivergence) return;
    const unconfirmed = yield* this.#stillUnconfirmed();
    if (unconfirmed.length > 0) yield* this.#round(unconfirmed);
    else this.#detector.abandonRound();
    this.#observed = (yield* this.#observe()).filter((state) => DivergenceDetector.isSuspicious(state));
  }

  *#stillUnconfirmed(): Steps<FeedObservation[]> {
    if (this.#observed.length === 0 || !(yield* this.#readToEnd())) return [];
    const { database } = this.#world;
    const rows = yield* ask('database', 'read rows', () => database.read());
    return this.#observed.filter((state) => DivergenceDetector.isSuspicious({ ...state, row: rows.get(state.feed) }));
  }

  *#round(suspects: readonly FeedObservation[]): Steps<void> {
    const names = new Set(suspects.map((state) => state.feed));
    const before = (yield* this.#observe()).filter(
      (state) => names.has(state.feed) && DivergenceDetector.isSuspicious(state),
    );
    if (this.#world.rules.rewindsBeforeJudging) this.#startOver();
    if (!(yield* this.#readToEnd())) return this.#detector.abandonRound();
    const { database, redis } = this.#world;
    const rows = yield* ask('database', 'read rows', () => database.read());
    for (const { feed, run, generation } of this.#detector.endRound(before, rows))
      yield* ask('redis', 'invalidate', () => redis.invalidate(feed, run, generation));
  }

  *#observe(): Steps<FeedObservation[]> {
    const { redis, database } = this.#world;
    const { run, feedStates } = yield* ask('redis', 'observe', () => ({
      run: redis.run,
      feedStates: redis.feedStates(),
    }));
    const rows = yield* ask('database', 'observe', () => database.read());
    const observations: FeedObservation[] = [];
    for (const [feed, { generation, position, run: stateRun }] of feedStates) {
      if (stateRun === run) observations.push({ feed, run, generation, position, row: rows.get(feed) });
    }
    return observations;
  }

  *#readToEnd(): Steps<boolean> {
    while (!this.isSessionLost) if (yield* this.#flushOnce()) return true;
    return false;
  }

  #startOver(): void {
    this.#discard();
    this.#forgetEntries();
    this.#cursor = NO_ENTRY;
  }

  #forgetEntries(): void {
    this.#committedIds.clear();
    this.#stale.clear();
  }

  #discard(): void {
    this.#prefetched = undefined;
    this.#rows = new Map();
  }

  #resetDivergence(): void {
    this.#observed = [];
    this.#detector.abandonRound();
  }

  /** A session that does not answer is given up; what the server still does with its transaction is not known. */
  #loseOrRollBack(failure: ServiceFailure): void {
    if (failure.server === 'database' && failure.mayBeDone) {
      this.isSessionLost = true;
      this.#transaction = undefined;
    } else this.#rollBack();
  }

  #rollBack(): void {
    if (this.#transaction !== undefined) this.#world.database.abort(this.#transaction);
    this.#transaction = undefined;
  }
}

function isAsAssumed({ feed, generation, from }: ModelAdvance, rows: ReadonlyMap<string, Watermark>): boolean {
  const now = rows.get(feed);
  return now !== undefined && now.seq === from && now.generation === generation;
}
