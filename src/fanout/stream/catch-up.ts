import { type Clock, sleep, SYSTEM_CLOCK } from '../../base/clock.ts';
import { nextTurn } from '../../base/next-turn.ts';
import { RowList } from '../../base/row-list.ts';
import { describeError } from '../../errors.ts';
import { fanoutLogger } from '../../logger.ts';
import { passesFilter } from '../../market/symbol-filter.ts';
import type { SymbolTable } from '../../market/symbol-table.ts';
import { TickColumns } from '../../market/tick-columns.ts';
import type { CodecName } from '../../protocol/version.ts';
import { appendEntryTicks } from '../../stream/entry-ticks.ts';
import type { RawLiveEntry } from '../../stream/live-message.ts';
import { formatResumeToken, parseResumeToken, type StreamCursor } from '../../stream/stream-cursor.ts';
import type { StreamTail } from '../../stream/stream-tail.ts';
import type { FanoutObserver } from '../fanout-ports.ts';
import type { FairWorkQueue } from '../../base/fair-work-queue.ts';
import { FairSlots, type Release } from '../../base/fair-slots.ts';
import { positionElement } from '../frames/fragment-writer.ts';
import { TickEncoder } from '../frames/tick-encoder.ts';
import type { LiveSubscriber } from '../live-subscriber.ts';
import { decodeEntry, LiveSequence, type SequenceStep } from './live-sequence.ts';
import { RecentEntries } from './recent-entries.ts';
import { TailPageSize } from '../../stream/tail-page-size.ts';

export interface CatchUpOptions {
  readonly tail: StreamTail;
  readonly observer: FanoutObserver;
  readonly symbolTable: SymbolTable;
  /** Live end of the stream; see StreamFollower. */
  readonly stream: { readonly cursor: StreamCursor | undefined; readonly isPrimed: boolean };
  /** See TickDelivery: who joins it begins behind its pending ticks, which are before the stream's cursor. */
  readonly delivery: { watch(outbox: LiveSubscriber['outbox']): void };
  /** Frames are made in its turns. */
  readonly work: FairWorkQueue;
  /** At most so many dashboards catch up at once: after a restart all resume together. */
  readonly maxCatchUps: number;
  /** The system's where left out. */
  readonly clock?: Clock;
}

/** Source of a resuming dashboard's ticks. */
type Origin = 'memory' | 'stream' | 'nothing';

/** At most so many readings of the stream at once. */
const MAX_READINGS = 4;
const RECENT_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 128 * 1024;
const MAX_TICKS_A_FRAME = 512;
const WAIT_MS = 10;
const READ_ATTEMPTS = 10;
const READ_RETRY_MS = 200;

/** Thrown to end the catch-up of a dashboard that has closed, or that was cut. */
class Ended extends Error {}

/**
 * Catch-up: brings dashboards from their resume token to the live end, from memory or from the stream. A bounded number
 * holds entries at once, and frames are made in turns that are bounded in time; both go round the tokens.
 */
export class CatchUp implements Disposable {
  readonly #options: CatchUpOptions;
  readonly #clock: Clock;
  readonly #columns: TickColumns;
  readonly #recent = new RecentEntries(RECENT_BYTES);
  readonly #pageSize = new TailPageSize();
  readonly #encoders: Readonly<Record<CodecName, TickEncoder>> = {
    json: new TickEncoder('json'),
    msgpack: new TickEncoder('msgpack'),
  };
  /** Held by those that have entries to send. */
  readonly #slots: FairSlots;
  readonly #readings = new FairSlots(MAX_READINGS);
  #isDisposed = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#columns = new TickColumns(options.symbolTable);
    this.#slots = new FairSlots(options.maxCatchUps);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
  }

  /** A live entry, the one after that remembered last. */
  remember(entry: RawLiveEntry): void {
    this.#recent.push(entry);
  }

  /** Live entries were missed: those remembered do not lead to the live end any more. */
  forget(): void {
    this.#recent.clear();
  }

  /**
   * Sends everything after the token to the subscriber.
   * @param join called once, in the turn when an open subscriber has exactly what dashboards with live ticks have got
   */
  async run(subscriber: LiveSubscriber, resumeToken: string, join: (origin: Origin) => void): Promise<void> {
    const end = (origin: Origin): void => {
      if (this.#hasEnded(subscriber)) return;
      if (origin === 'nothing') subscriber.sendGap('resume', undefined, this.#clock.now());
      this.#options.observer.onResume?.(origin);
      join(origin);
    };
    try {
      while (this.#liveCursor === undefined) await this.#pause(subscriber);
      const cursor = parseResumeToken(resumeToken);
      if (cursor === undefined) end('nothing');
      else await this.#advance(subscriber, new LiveSequence(cursor), end);
    } catch (error) {
      if (error instanceof Ended) return;
      fanoutLogger.error({ err: error }, 'a resume could not be served');
      end('nothing');
    }
  }

  get #liveCursor(): StreamCursor | undefined {
    const { cursor, isPrimed } = this.#options.stream;
    return isPrimed ? cursor : undefined;
  }

  /** @param end called in the very turn in which the sequence has met the live end: a tick later it would be behind */
  async #advance(subscriber: LiveSubscriber, sequence: LiveSequence, end: (origin: Origin) => void): Promise<void> {
    let origin: Origin = 'memory';
    let failures = 0;
    for (;;) {
      this.#checkOpen(subscriber);
      const live = this.#liveCursor;
      const at = sequence.cursor;
      const isSameStream = live?.run === at?.run && live?.streamId === at?.streamId;
      if (isSameStream && live !== undefined && at !== undefined) {
        if (at.liveSeq === live.liveSeq) return end(origin);
        if (at.liveSeq > live.liveSeq) {
          // Read from the stream before pub/sub brought it.
          await this.#pause(subscriber);
          continue;
        }
        if (this.#recent.has(at.liveSeq) && (await this.#sendRecent(subscriber, sequence, at))) continue;
      }
      origin = 'stream';
      try {
        if (!(await this.#readPage(subscriber, sequence))) await this.#pause(subscriber);
        failures = 0;
      } catch (error) {
        if (error instanceof Ended) throw error;
        fanoutLogger.debug({ cause: describeError(error) }, 'a resume cannot read the stream for now');
        failures += 1;
        if (failures >= READ_ATTEMPTS) return end('nothing');
        await sleep(this.#clock, READ_RETRY_MS);
      }
    }
  }

  /** @returns false where memory does not hold the entries any more */
  async #sendRecent(subscriber: LiveSubscriber, sequence: LiveSequence, at: StreamCursor): Promise<boolean> {
    await this.#room(subscriber);
    return this.#holding(subscriber, this.#slots, async (release) => {
      const entries = this.#recent.after(at.liveSeq, CHUNK_BYTES) ?? [];
      for (const entry of entries) sequence.advance(entry);
      await this.#send(subscriber, entries, at, release);
      return entries.length > 0;
    });
  }

  /** @returns false when there was nothing to read */
  async #readPage(subscriber: LiveSubscriber, sequence: LiveSequence): Promise<boolean> {
    await this.#room(subscriber);
    return this.#holding(subscriber, this.#readings, async (endReading) => {
      const asked = this.#pageSize.entries;
      const page = await this.#options.tail.read(sequence.id, asked);
      this.#pageSize.learn(page.entries);
      return this.#holding(subscriber, this.#slots, async (release) => {
        endReading();
        const { steps } = await this.#inTurn(subscriber, () => sequence.takePage(page, asked));
        await this.#sendSteps(subscriber, steps, sequence, release);
        return page.entries.length > 0;
      });
    });
  }

  /** Waits in line for a slot, and holds it until the work is done or releases it. */
  async #holding<Result>(
    subscriber: LiveSubscriber,
    slots: FairSlots,
    work: (release: Release) => Promise<Result>,
  ): Promise<Result> {
    const release = await slots.acquire(subscriber.owner);
    try {
      this.#checkOpen(subscriber);
      return await work(release);
    } finally {
      release();
    }
  }

  async #sendSteps(
    subscriber: LiveSubscriber,
    steps: readonly SequenceStep[],
    sequence: LiveSequence,
    release: Release,
  ): Promise<void> {
    let entries: RawLiveEntry[] = [];
    for (const step of steps) {
      if (step.kind === 'entry') entries.push(step.entry);
      if (step.kind !== 'gap') continue;
      await this.#send(subscriber, entries, sequence.cursor, release);
      entries = [];
      subscriber.sendGap('resume', step.gap.fromMs, step.gap.toMs ?? this.#clock.now());
    }
    await this.#send(subscriber, entries, sequence.cursor, release);
  }

  /**
   * Sends the entries' ticks in frames, each when the peer has room for it and in its turn.
   * @param release called where the peer has no room: others need not wait for it
   */
  async #send(
    subscriber: LiveSubscriber,
    entries: readonly RawLiveEntry[],
    stream: StreamCursor | undefined,
    release: Release,
  ): Promise<void> {
    for (let at = 0; at < entries.length;) {
      await this.#room(subscriber, release);
      at = await this.#inTurn(subscriber, () => this.#sendFrame(subscriber, entries, at, stream));
    }
  }

  /** Does the work in a turn of the queue. */
  #inTurn<Result>(subscriber: LiveSubscriber, work: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#options.work.run(subscriber.owner, subscriber.outbox, () => {
        try {
          this.#checkOpen(subscriber);
          resolve(work());
        } catch (error) {
          reject(error instanceof Error ? error : new Error('unknown', { cause: error }));
        }
      });
    });
  }

  /** One frame of whole entries from index `from` on. @returns the index after them */
  #sendFrame(
    subscriber: LiveSubscriber,
    entries: readonly RawLiveEntry[],
    from: number,
    stream: StreamCursor | undefined,
  ): number {
    const { codec, outbox, deliveryProfile } = subscriber;
    const columns = this.#columns;
    columns.clear();
    let to = from;
    let fromMs: number | undefined;
    let toMs = 0;
    while (to < entries.length && columns.length < MAX_TICKS_A_FRAME) {
      const raw = entries[to++];
      const entry = raw === undefined ? undefined : decodeEntry(raw);
      if (raw === undefined || entry === undefined) continue;
      appendEntryTicks(entry, raw.shownUpTo, columns, ({ message }) =>
        fanoutLogger.error({ id: raw.id, feed: entry.feed, reason: message }, 'ticks of an entry cannot be read'),
      );
      fromMs ??= entry.acceptedAtMs;
      toMs = entry.acceptedAtMs;
    }
    const last = entries[to - 1];
    const rows = new RowList();
    for (let row = 0; row < columns.length; row++) {
      const symbol = columns.symbolTable.names[columns.symbol[row] ?? 0] ?? '';
      if (passesFilter(deliveryProfile.filter, symbol)) rows.push(row);
    }
    if (rows.length === 0 || last === undefined) return to;
    const position =
      deliveryProfile.withPositions && stream !== undefined
        ? positionElement(codec, formatResumeToken({ ...stream, id: last.id, liveSeq: last.liveSeq }))
        : undefined;
    const encoder = this.#encoders[codec];
    encoder.begin(columns);
    const frame = encoder.frame(rows, position);
    const shared = { frame, columns, rows, fromRow: 0, toRow: columns.length, position, fromMs: fromMs ?? toMs, toMs };
    outbox.offer(shared, this.#clock.now());
    this.#options.delivery.watch(outbox);
    return to;
  }

  /** Backpressure: waits until the peer has read enough, one turn at least. */
  async #room(subscriber: LiveSubscriber, release?: Release): Promise<void> {
    await nextTurn();
    for (;;) {
      this.#checkOpen(subscriber);
      const verdict = subscriber.outbox.checkRoom(this.#clock.now());
      if (verdict === 'room') return;
      if (verdict === 'slow') {
        subscriber.cutSlow();
        throw new Ended();
      }
      release?.();
      await sleep(this.#clock, WAIT_MS);
    }
  }

  async #pause(subscriber: LiveSubscriber): Promise<void> {
    await sleep(this.#clock, WAIT_MS);
    this.#checkOpen(subscriber);
  }

  /** A subscriber may close in any wait, and be cut by any flush: then it must never join. */
  #hasEnded(subscriber: LiveSubscriber): boolean {
    return subscriber.isClosed || this.#isDisposed;
  }

  #checkOpen(subscriber: LiveSubscriber): void {
    if (this.#hasEnded(subscriber)) throw new Ended();
  }
}
