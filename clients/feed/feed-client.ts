import { randomUUID } from 'node:crypto';
import { FeedOutbox } from '../../src/protocol/feed-outbox.ts';
import type { Tick } from '../../src/market/tick.ts';
import { endpointUrl } from '../endpoint-url.ts';
import type { ReconnectLimits } from '../reconnect-policy.ts';
import { FeedClosedError, FeedError, type FeedRefusedError } from './feed-errors.ts';
import { encodeFrame, encodeSkip, type FeedFrame, fitsSpan, tickBytes } from './feed-frame.ts';
import type { FeedJournal } from './feed-journal-port.ts';
import { FeedLink, type FeedConnectionState } from './feed-link.ts';
import type { OpenedMessage } from './feed-reply.ts';
import { MemoryRoom } from './memory-room.ts';
import { RejectionWarning } from './rejection-warning.ts';
import { SeqWaiters } from './seq-waiters.ts';
import { checkWholeTime, TimeRange } from './tick-time.ts';

/** Options of a {@link FeedClient}; `url` and `feed` are needed. */
export interface FeedClientOptions {
  /** `ws://host:port/v1/feed`; `http://host:port` works too. */
  readonly url: string;
  /** The feed's name. One program speaks under one name. */
  readonly feed: string;
  readonly token?: string | undefined;
  /** False for a backfill: stored, and not delivered live. */
  readonly live?: boolean | undefined;
  /** Names this process; a journal brings its own. */
  readonly instance?: string | undefined;
  /** First number of this instance's opens; a source that keeps its instance must go on rising. Default 1. */
  readonly attempt?: number | undefined;
  /** Batching of `publish`: a frame goes when it holds this many ticks (default 500), or after this time (5 ms). */
  readonly frameTicks?: number | undefined;
  readonly frameDelayMs?: number | undefined;
  /**
   * At most this many bytes of uncommitted frames (default 256 MiB); `publish` waits when they take more. Waiting calls
   * count 1 KiB each and 128 bytes a tick: when the limit is full with them, and 1,000 calls or 16 MiB wait, the next
   * call rejects.
   */
  readonly maxMemoryBytes?: number | undefined;
  /** Committed frames are kept at most this long (default 5 min) and this much (64 MiB): a database may be restored. */
  readonly graceMs?: number | undefined;
  readonly graceBytes?: number | undefined;
  readonly reconnect?: ReconnectLimits | undefined;
  /** Makes the feed survive the death of its process. */
  readonly journal?: FeedJournal | undefined;
  /** With each change of the connection's state. */
  readonly onState?: ((state: FeedConnectionState) => void) | undefined;
  /**
   * Once for each frame of which the gateway keeps ticks among the rejected ones, again where it is sent again. Default:
   * a warning of the process (`process.emitWarning`), at most one in 10 s.
   */
  readonly onRejected?:
    | ((seq: number, rejected: ReadonlyArray<readonly [index: number, reason: string]>) => void)
    | undefined;
  /** Every frame up to `seq` is durable; comes with each flush that stored frames of this feed. */
  readonly onCommitted?: ((seq: number) => void) | undefined;
  /** The buffer holds every frame up to `seq`. Advisory: `onCommitted` follows, at times without it. */
  readonly onAck?: ((seq: number) => void) | undefined;
}

/** Where the feed stands. */
export interface FeedPosition {
  /** Last seq held by the gateway's buffer. */
  readonly accepted: number;
  /** Last seq known durable. */
  readonly committed: number;
}

/** A frame given to the client. */
export interface PublishedFrame {
  readonly seq: number;
  /** The buffer holds it. Advisory. */
  readonly acked: () => Promise<void>;
  /** It is durable. */
  readonly committed: () => Promise<void>;
}

const DEFAULTS = {
  frameTicks: 500,
  frameDelayMs: 5,
  maxMemoryBytes: 256 * 1024 * 1024,
  graceMs: 300_000,
  graceBytes: 64 * 1024 * 1024,
} as const;
const FRAME_OVERHEAD_BYTES = 256;

/**
 * Publisher of ticks under the delivery contract: every frame is kept until the gateway says `committed`, through the
 * loss of connection, gateway, Redis or database. Memory is bounded: a caller that is faster than the database waits.
 * @example await using feed = new FeedClient({ url, feed: 'egx-feed' }); await feed.publish(tick);
 */
export class FeedClient implements AsyncDisposable {
  readonly #options: FeedClientOptions;
  readonly #outbox: FeedOutbox<FeedFrame>;
  readonly #link: FeedLink;
  readonly #acked = new SeqWaiters();
  readonly #committed = new SeqWaiters();
  #limits = { maxTicks: 5_000, maxFrameBytes: 256 * 1024 };
  readonly #opened: Promise<FeedPosition>;
  #isOpened = false;
  #onFirstOpened: ((position: FeedPosition) => void) | undefined;
  #onFirstFailed: ((error: Error) => void) | undefined;
  #batch: Tick[] = [];
  #batchBytes = 0;
  #batchTimer: NodeJS.Timeout | undefined;
  readonly #room: MemoryRoom;
  readonly #times = new TimeRange();
  #failure: Error | undefined;

  constructor(options: FeedClientOptions) {
    this.#options = options;
    const limits = {
      graceMs: options.graceMs ?? DEFAULTS.graceMs,
      graceBytes: options.graceBytes ?? DEFAULTS.graceBytes,
    };
    this.#outbox = new FeedOutbox<FeedFrame>(limits, encodeSkip);
    this.#room = new MemoryRoom(
      options.maxMemoryBytes ?? DEFAULTS.maxMemoryBytes,
      () => this.#outbox.uncommittedBytes + this.#batchBytes,
    );
    const rejection = options.onRejected === undefined ? new RejectionWarning(options.feed) : undefined;
    this.#opened = new Promise((resolve, reject) => {
      this.#onFirstOpened = resolve;
      this.#onFirstFailed = reject;
    });
    this.#opened.catch(() => undefined);
    const journal = options.journal;
    for (const frame of journal?.frames() ?? []) this.#outbox.restore(frame);
    this.#outbox.committedUpTo(journal?.committedSeq ?? 0, Date.now());
    this.#link = new FeedLink({
      url: endpointUrl(options.url, '/v1/feed'),
      feed: options.feed,
      token: options.token,
      instance: journal?.instance ?? options.instance ?? randomUUID(),
      live: options.live ?? true,
      firstAttempt: journal === undefined ? (options.attempt ?? 1) : journal.attempt + 1,
      reconnect: options.reconnect,
      outbox: this.#outbox,
      events: {
        onState: (state) => options.onState?.(state),
        onOpened: (message) => this.#onOpened(message),
        onAck: (seq) => this.#onAck(seq),
        onCommitted: (seq) => this.#onCommitted(seq),
        onRejected: options.onRejected ?? ((seq, rejected) => rejection?.onRejected(seq, rejected)),
        onRefused: (error) => this.#fail(error),
        onAttempt: (attempt) => journal?.keepAttempt(attempt),
      },
    });
    this.#link.start();
  }

  /** Resolves with the feed's position when the gateway has opened it for the first time. */
  opened(): Promise<FeedPosition> {
    return this.#opened;
  }

  /** Seq of the newest frame. */
  get lastSeq(): number {
    return this.#outbox.last;
  }

  get position(): FeedPosition {
    return { accepted: this.#acked.reached, committed: this.#committed.reached };
  }

  /**
   * Takes one tick, stamped by its program, and sends it with others soon. Resolves when the client has taken
   * responsibility for it: at once where there is room in memory, with a journal when the journal holds it.
   * @throws {FeedError} when the feed was refused or closed, and for a time that no tick can have: in another unit than
   *   microseconds, before 2000 or more than 5 minutes ahead. Other faults of a tick are rejected by the gateway
   * @throws {FeedMemoryError} when `maxMemoryBytes` is full and calls are not waited for
   */
  async publish(tick: Tick): Promise<void> {
    this.#times.check(tick.timeMicros);
    if (!this.#isReady()) await this.#ready(1);
    const first = this.#batch[0];
    const tooLarge = this.#batchBytes + tickBytes(tick) > this.#limits.maxFrameBytes - FRAME_OVERHEAD_BYTES;
    if (first !== undefined && (tooLarge || !fitsSpan(first.timeMicros, tick.timeMicros))) this.flush();
    this.#batch.push(tick);
    this.#batchBytes += tickBytes(tick);
    const isFull =
      this.#batch.length >= Math.min(this.#options.frameTicks ?? DEFAULTS.frameTicks, this.#limits.maxTicks);
    const { journal } = this.#options;
    if (isFull || journal !== undefined) this.flush();
    else this.#batchTimer ??= setTimeout(() => this.flush(), this.#options.frameDelayMs ?? DEFAULTS.frameDelayMs);
  }

  /**
   * Takes ticks as one frame. `seq` is the source's own position (a row number, an offset), rising; without it the
   * client counts. Since the number is the source's, a tick of a wrong day passes: the gateway rejects it by name.
   * @throws {FeedError} when refused or closed, when the frame is larger than the gateway takes, or a time is no whole
   *   number
   * @throws {FeedMemoryError} when `maxMemoryBytes` is full and calls are not waited for
   */
  async publishFrame(ticks: readonly Tick[], seq?: number): Promise<PublishedFrame> {
    for (const tick of ticks) checkWholeTime(tick.timeMicros);
    await this.#ready(ticks.length);
    this.flush();
    return this.#add(ticks, seq);
  }

  /** Declares a gap: the feed cannot supply the frames between its newest one and `next`. */
  async skipTo(next: number): Promise<PublishedFrame> {
    await this.#ready(0);
    this.flush();
    return this.#keep(encodeSkip(this.#outbox.last, next));
  }

  /** Sends the ticks gathered by `publish` now. */
  flush(): void {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    if (this.#batch.length === 0) return;
    const ticks = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#add(ticks, undefined);
  }

  /** Resolves when everything published so far is durable. */
  async drained(): Promise<void> {
    this.flush();
    await this.#opened;
    // Asked of the outbox: frames committed once are uncommitted again after a database was restored.
    while (this.#failure === undefined && this.#outbox.uncommittedFrames > 0) await this.#room.changed();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when the buffer holds everything up to `seq`. Advisory. */
  whenAcked(seq: number): Promise<void> {
    return this.#acked.wait(seq);
  }

  /** Resolves when everything up to `seq` is durable. */
  whenCommitted(seq: number): Promise<void> {
    return this.#committed.wait(seq);
  }

  /** Waits until everything is committed, then ends. `wait: false` ends at once. */
  async close(options: { readonly wait?: boolean } = {}): Promise<void> {
    try {
      if (
        (options.wait ?? true) &&
        this.#failure === undefined &&
        (this.#batch.length > 0 || this.#outbox.uncommittedFrames > 0)
      ) {
        await this.drained();
      }
    } finally {
      this.#fail(new FeedClosedError('the feed client was closed'));
      await this.#link.close();
      await this.#options.journal?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Numbering begins where the gateway says the feed stands, so nothing is taken before. */
  async #ready(ticks: number): Promise<void> {
    this.#room.enter(ticks);
    try {
      await this.#opened;
      while (this.#failure === undefined && this.#room.isFull) await this.#room.changed();
    } finally {
      this.#room.leave(ticks);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #isReady(): boolean {
    return this.#isOpened && this.#failure === undefined && !this.#room.isFull;
  }

  #add(ticks: readonly Tick[], seq: number | undefined): PublishedFrame {
    const prev = this.#outbox.last;
    if (ticks.length > this.#limits.maxTicks) throw new FeedError(`a frame may hold ${this.#limits.maxTicks} ticks`);
    const frame = encodeFrame(seq ?? prev + 1, prev, ticks);
    if (frame.message.length > this.#limits.maxFrameBytes)
      throw new FeedError(`a frame may take ${this.#limits.maxFrameBytes} bytes`);
    return this.#keep(frame);
  }

  #keep(frame: FeedFrame): PublishedFrame {
    this.#outbox.add(frame);
    this.#options.journal?.append(frame);
    this.#link.pump();
    const { seq } = frame;
    return { seq, acked: () => this.#acked.wait(seq), committed: () => this.#committed.wait(seq) };
  }

  #onOpened(message: OpenedMessage): void {
    const { accepted, committed, maxTicks, maxFrameBytes } = message;
    this.#limits = { maxTicks, maxFrameBytes };
    const verdict = this.#outbox.opened(accepted, committed, Date.now());
    if (verdict === 'conflict') {
      void this.#link.close();
      return this.#fail(
        new FeedError('the gateway stands inside one of our frames: another program numbered this feed differently'),
      );
    }
    this.#onAck(accepted);
    this.#onCommitted(committed);
    this.#isOpened = true;
    this.#onFirstOpened?.({ accepted, committed });
  }

  #onAck(seq: number): void {
    this.#acked.advance(seq);
    this.#options.onAck?.(seq);
  }

  #onCommitted(seq: number): void {
    const committed = this.#outbox.committedUpTo(seq, Date.now());
    this.#options.journal?.committed(committed);
    this.#committed.advance(committed);
    this.#options.onCommitted?.(committed);
    this.#room.change();
  }

  #fail(error: FeedRefusedError | FeedError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearTimeout(this.#batchTimer);
    this.#onFirstFailed?.(error);
    this.#acked.fail(error);
    this.#committed.fail(error);
    this.#room.change();
  }
}
