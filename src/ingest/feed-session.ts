import { type EntryFrame, skipFrame } from '../stream/stream-entry.ts';
import type { CheckedTicks } from '../market/tick-check.ts';
import type { FeedState } from '../stream/feed-state.ts';
import { AppendQueue } from './append-queue.ts';
import type { AppendBuffer, FeedLimits, FeedPeer, IngestObserver } from './feed-ports.ts';
import { UncommittedWindow } from './uncommitted-window.ts';

/** Why a session ended, for its connection to act on. */
export type SessionEnd =
  | { readonly kind: 'reopen'; readonly reason: string }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'sequence-reuse' }
  | { readonly kind: 'overrun' };

/** What reconciliation reads of a feed's state. */
export type ReconciledState = Pick<FeedState, 'run' | 'generation' | 'position' | 'session'>;

export interface FeedSessionOptions {
  readonly feed: string;
  readonly session: string;
  readonly instance: string;
  readonly live: boolean;
  readonly generation: string;
  /** Last seq held by the buffer when the place was given. */
  readonly accepted: number;
  readonly committed: number;
  readonly limits: FeedLimits;
  readonly buffer: AppendBuffer;
  readonly peer: FeedPeer;
  readonly observer: IngestObserver;
  readonly onEnd: (end: SessionEnd) => void;
}

const FLUSH_REQUEST_SPACING_MS = 20;

/**
 * One feed on one connection, from `opened` to the loss of its place. Takes frames in order, tells what is held and
 * what is durable, and stops the feed when too much of it is uncommitted.
 */
export class FeedSession {
  readonly #options: FeedSessionOptions;
  readonly #queue: AppendQueue;
  readonly #window: UncommittedWindow;
  /** Seq of the newest frame taken, accepted by the buffer, told committed, known committed. */
  #taken: number;
  #accepted: number;
  #toldCommitted: number;
  #knownCommitted: number;
  #isFirstFrame = true;
  #isHeld = false;
  #isEnded = false;
  #lastFlushRequestMs = 0;

  constructor(options: FeedSessionOptions) {
    this.#options = options;
    this.#taken = options.accepted;
    this.#accepted = options.accepted;
    this.#toldCommitted = options.committed;
    this.#knownCommitted = options.committed;
    this.#window = new UncommittedWindow(options.limits.windowFrames, options.limits.windowTicks);
    this.#queue = new AppendQueue({
      feed: options.feed,
      session: options.session,
      writer: options.instance,
      live: options.live,
      buffer: options.buffer,
      onAppended: (seq, frames) => this.#onAppended(seq, frames),
      onLost: (result) =>
        this.#finish(result === 'session' ? { kind: 'superseded' } : { kind: 'reopen', reason: REASONS[result] }),
      onHold: (isHeld) => this.#onHold(isHeld),
    });
  }

  get feed(): string {
    return this.#options.feed;
  }

  get generation(): string {
    return this.#options.generation;
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** A numbered frame. */
  publish(seq: number, prev: number, ticks: CheckedTicks): void {
    this.#take({ seq, prev, skip: false, count: ticks.count, rows: ticks.rows, rejected: ticks.rejected });
  }

  /** A declared gap. */
  skip(to: number, next: number): void {
    this.#take(skipFrame(to, next));
  }

  /** A transaction made `seq` durable, if it is of this session's generation. */
  onCommitted(generation: string, seq: number): void {
    if (generation !== this.#options.generation || this.#isEnded) return;
    this.#knownCommitted = Math.max(this.#knownCommitted, seq);
    this.#tellCommitted();
  }

  /**
   * The look: what Redis and the database say of the place.
   * @param acceptedBefore what this session had told accepted before they were asked
   */
  onReconciled(state: ReconciledState | undefined, run: string, acceptedBefore: number): void {
    if (this.#isEnded) return;
    if (state === undefined || state.run !== run) return this.#reopen('the buffer lost the feed');
    if (state.generation !== this.#options.generation) return this.#reopen('the feed was given another place');
    if (state.session !== this.#options.session) return this.#finish({ kind: 'superseded' });
    if (state.position < acceptedBefore) this.#reopen('the buffer lost frames');
  }

  /** The connection is gone or opens anew: nothing more is sent for it. Waits for the answer under way. */
  async close(): Promise<void> {
    this.#isEnded = true;
    this.#queue.end();
    await this.#queue.drained();
    await this.#options.buffer.release(this.#options.feed, this.#options.session).catch(() => undefined);
  }

  /** Waits until every frame taken is answered. */
  async drained(): Promise<void> {
    await this.#queue.drained();
  }

  #take(frame: EntryFrame): void {
    if (this.#isEnded) return;
    const isFirst = this.#isFirstFrame;
    this.#isFirstFrame = false;
    if (frame.prev > this.#taken) return this.#reopen('a frame is missing');
    if (frame.prev < this.#taken) {
      // A repeat is acknowledged. But a feed that begins below what it was told has restarted its counter, and one that
      // straddles the place numbers otherwise: neither may have its ticks swallowed.
      if (isFirst || frame.seq > this.#taken) return this.#finish({ kind: 'sequence-reuse' });
      if (frame.seq <= this.#accepted) this.#options.peer.reply({ T: 'ack', seq: this.#accepted });
      return;
    }
    this.#taken = frame.seq;
    this.#window.add(frame.seq, frame.count + frame.rejected.length);
    this.#reportRejected(frame);
    this.#queue.push(frame);
    if (this.#window.isHalfUsed) this.#requestFlush();
    if (this.#window.isFull) this.#updateReading();
    if (this.#window.isOverrun) this.#finish({ kind: 'overrun' });
  }

  #reportRejected(frame: EntryFrame): void {
    if (frame.rejected.length === 0) return;
    for (const tick of frame.rejected) this.#options.observer.onRejected(tick.reason);
    const rejected = frame.rejected.map((tick) => [tick.index, tick.reason] as const);
    this.#options.peer.reply({ T: 'error', code: 420, msg: 'ticks rejected', seq: frame.seq, rejected });
  }

  #onAppended(seq: number, frames: readonly EntryFrame[]): void {
    let ticks = 0;
    for (const frame of frames) ticks += frame.count;
    this.#options.observer.onAccepted(ticks, frames.length);
    this.#accepted = Math.max(this.#accepted, seq);
    this.#options.peer.reply({ T: 'ack', seq });
    if (this.#knownCommitted > this.#toldCommitted) this.#tellCommitted();
  }

  /** Never above what this connection was told accepted. */
  #tellCommitted(): void {
    const seq = Math.min(this.#knownCommitted, this.#accepted);
    if (seq <= this.#toldCommitted) return;
    this.#toldCommitted = seq;
    this.#window.committed(seq);
    this.#options.peer.reply({ T: 'committed', seq });
    this.#updateReading();
  }

  #onHold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    const { windowFrames, windowTicks } = this.#options.limits;
    this.#options.peer.reply({ T: 'window', frames: isHeld ? 0 : windowFrames, ticks: isHeld ? 0 : windowTicks });
    this.#updateReading();
  }

  #updateReading(): void {
    this.#options.peer.setReading(!this.#isHeld && !this.#window.isFull);
  }

  #requestFlush(): void {
    const nowMs = Date.now();
    if (nowMs - this.#lastFlushRequestMs < FLUSH_REQUEST_SPACING_MS) return;
    this.#lastFlushRequestMs = nowMs;
    // The interval flushes anyway: a request that is lost costs time only.
    this.#options.buffer.requestFlush().catch(() => undefined);
  }

  #reopen(reason: string): void {
    this.#finish({ kind: 'reopen', reason });
  }

  #finish(end: SessionEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#queue.end();
    if (end.kind === 'reopen') this.#options.observer.onReopen(end.reason);
    this.#options.peer.setReading(true);
    this.#options.onEnd(end);
  }
}

const REASONS = {
  'lost-state': 'the buffer lost the feed',
  'lost-chain': 'the buffer lost frames',
  unanswered: 'the buffer did not answer',
} as const;
