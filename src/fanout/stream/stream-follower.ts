import { type Clock, sleep, SYSTEM_CLOCK } from '../../base/clock.ts';
import { nextTurn } from '../../base/next-turn.ts';
import { describeError } from '../../errors.ts';
import { fanoutLogger } from '../../logger.ts';
import { decodeLiveMessage, type LiveEntry, type LiveMessage } from '../../stream/live-message.ts';
import { runPrefix, type StreamCursor } from '../../stream/stream-cursor.ts';
import type { StreamEntry } from '../../stream/stream-entry.ts';
import type { StreamTail } from '../../stream/stream-tail.ts';
import { LiveSequence, type SequenceStep } from './live-sequence.ts';
import { TailPageSize } from '../../stream/tail-page-size.ts';

/** Receiver of the stream's live entries, in order, each once. */
export interface LiveSink {
  /**
   * The next live entry.
   * @param cursor the stream's cursor right after it
   * @param isLive false while the stream is first read, before anybody can have subscribed
   */
  onEntry(entry: LiveEntry, cursor: StreamCursor, isLive: boolean): void;
  /** An entry of the first reading that is not live. */
  onBackfill(entry: StreamEntry): void;
  /** The first reading is done: entries from now on are live. */
  onPrimed(): void;
  /** Live entries accepted after `fromMs` (undefined: unknown) and up to `toMs` were missed for good. */
  onGap(fromMs: number | undefined, toMs: number): void;
  /** Entries that pub/sub did not bring were read from the stream. */
  onFilled(entries: number): void;
}

const RETRY_MS = 200;
const POLL_MS = 1_000;
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

/**
 * Stream follower: takes live entries from pub/sub, and reads the stream wherever pub/sub may have missed some: at the
 * start, after each reconnect, when a number is missing, and once a second when nothing came.
 */
export class StreamFollower implements Disposable {
  readonly #tail: StreamTail;
  readonly #sink: LiveSink;
  readonly #clock: Clock;
  readonly #sequence = new LiveSequence();
  readonly #pageSize = new TailPageSize();
  /** Messages that came while the stream is being read. */
  #queue: LiveMessage[] = [];
  #queuedBytes = 0;
  #mode: 'down' | 'reading' | 'live' = 'down';
  /** Counts readings: an older one that still waits gives up. */
  #reading = 0;
  #run = '';
  #isPrimed = false;
  #heard = false;
  #stopPolling: (() => void) | undefined;

  constructor(tail: StreamTail, sink: LiveSink, clock: Clock = SYSTEM_CLOCK) {
    this.#tail = tail;
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Cursor after the sink's last entry; undefined before the stream is known. */
  get cursor(): StreamCursor | undefined {
    return this.#sequence.cursor;
  }

  /** Whether the stream has been read for the first time: then {@link cursor} is where live entries begin. */
  get isPrimed(): boolean {
    return this.#isPrimed;
  }

  /** Whether pub/sub is up and nothing is missing. */
  get isLive(): boolean {
    return this.#mode === 'live';
  }

  /** A new subscription is up, on the server of this run: entries published before it are read from the stream. */
  up(run: string): void {
    this.#run = runPrefix(run);
    this.#stopPolling ??= this.#clock.every(POLL_MS, () => void this.#pollForMissed());
    this.#startReading();
  }

  down(): void {
    this.#mode = 'down';
    this.#reading += 1;
    this.#sequence.interrupted();
    this.#clearQueue();
  }

  [Symbol.dispose](): void {
    this.down();
    this.#stopPolling?.();
  }

  /** A message of the live channel, as it came. */
  onMessage(bytes: Buffer): void {
    if (this.#mode === 'down') return;
    this.#heard = true;
    let message: LiveMessage;
    try {
      message = decodeLiveMessage(bytes);
    } catch (error) {
      fanoutLogger.error({ cause: describeError(error) }, 'a live message cannot be read');
      if (this.#mode === 'live') this.#startReading();
      return;
    }
    if (this.#mode === 'live' && this.#take(message)) return;
    this.#enqueue(message);
    if (this.#mode === 'live') this.#startReading();
  }

  /** @returns false when the stream must be read before this message */
  #take(message: LiveMessage): boolean {
    const taken = this.#sequence.takeMessage(message);
    if (taken === 'gap') return false;
    if (taken !== 'known') this.#sink.onEntry(taken, this.#sequence.cursorAfter(taken), true);
    return true;
  }

  #enqueue(message: LiveMessage): void {
    // Those thrown away are in the stream; the reading goes on until it meets the queue.
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.#clearQueue();
    this.#queue.push(message);
    this.#queuedBytes += message.data.length;
  }

  #clearQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #startReading(): void {
    this.#mode = 'reading';
    this.#reading += 1;
    void this.#read(this.#reading);
  }

  async #read(reading: number): Promise<void> {
    const wasPrimed = this.#isPrimed;
    let filled = 0;
    while (reading === this.#reading) {
      try {
        const asked = this.#pageSize.entries;
        const page = await this.#tail.read(this.#sequence.id, asked);
        if (reading !== this.#reading) return;
        if (runPrefix(page.run) !== this.#run) {
          // The reading connection has not noticed a restart yet, or the subscribing one hasn't.
          await sleep(this.#clock, RETRY_MS);
          continue;
        }
        this.#pageSize.learn(page.entries);
        const { steps, next } = this.#sequence.takePage(page, asked);
        for (const step of steps) if (this.#pass(step)) filled += 1;
        if (next === 'end' && this.#reachedEnd()) return this.#goLive(filled, wasPrimed);
        // Sockets get a turn between pages.
        await nextTurn();
      } catch (error) {
        if (reading !== this.#reading) return;
        fanoutLogger.warn({ cause: describeError(error) }, 'the stream cannot be read for now');
        await sleep(this.#clock, RETRY_MS);
      }
    }
  }

  /** @returns whether it was a live entry */
  #pass(step: SequenceStep): boolean {
    if (step.kind === 'gap') this.#sink.onGap(step.gap.fromMs, step.gap.toMs ?? this.#clock.now());
    else if (step.kind === 'backfill') {
      if (!this.#isPrimed) this.#sink.onBackfill(step.entry);
    } else this.#sink.onEntry(step.entry, this.#sequence.cursorAfter(step.entry), this.#isPrimed);
    return step.kind === 'entry';
  }

  /** Joins the queued messages to the pages read. @returns false when the stream must be read on */
  #reachedEnd(): boolean {
    if (!this.#isPrimed) {
      this.#isPrimed = true;
      this.#sink.onPrimed();
    }
    const queue = this.#queue;
    this.#clearQueue();
    for (const [at, message] of queue.entries()) {
      if (this.#take(message)) continue;
      for (const rest of queue.slice(at)) this.#enqueue(rest);
      return false;
    }
    return true;
  }

  #goLive(filled: number, wasPrimed: boolean): void {
    this.#mode = 'live';
    this.#sequence.continuous();
    if (!wasPrimed || filled === 0) return;
    fanoutLogger.info({ entries: filled }, 'missed entries were read from the stream');
    this.#sink.onFilled(filled);
  }

  async #pollForMissed(): Promise<void> {
    const heard = this.#heard;
    this.#heard = false;
    if (heard || this.#mode !== 'live') return;
    // One entry is enough: the page's numbers tell whether a live one is missing.
    const page = await this.#tail.read(this.#sequence.id, 1).catch(() => undefined);
    if (page !== undefined && this.#mode === 'live' && !this.#sequence.agreesWith(page)) this.#startReading();
  }
}
