import { type EntryFrame, skipFrame } from '../stream/stream-entry.ts';
import type { CheckedTicks } from '../market/tick-check.ts';
import { AppendQueue } from './append-queue.ts';
import type { AppendBuffer, FeedLimits, FeedPeer, IngestObserver } from './feed-ports.ts';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import type { ReopenReason } from './reopen-reason.ts';
import { endAfterFailure, type ReconciledState, type SessionEnd, SessionRules } from './session-rules.ts';
import { UncommittedWindow } from './uncommitted-window.ts';

export interface FeedSessionOptions {
  readonly feed: string;
  readonly session: string;
  readonly instance: string;
  readonly live: boolean;
  readonly generation: string;
  /** Seq of the last frame in the buffer at `opened`. */
  readonly accepted: number;
  readonly committed: number;
  readonly limits: FeedLimits;
  readonly buffer: AppendBuffer;
  readonly peer: FeedPeer;
  readonly observer: IngestObserver;
  /** Once; not after `close`. */
  readonly onEnd: (end: SessionEnd) => void;
  readonly clock?: Clock | undefined;
}

const FLUSH_REQUEST_SPACING_MS = 20;

/**
 * Feed session: one feed on one connection, from `opened` to the loss of its state. Takes frames in order, tells which
 * are accepted and which committed, and stops reading when the window of uncommitted frames is full.
 */
export class FeedSession {
  readonly #options: FeedSessionOptions;
  readonly #clock: Clock;
  readonly #rules: SessionRules;
  readonly #queue: AppendQueue;
  readonly #window: UncommittedWindow;
  #isHeld = false;
  #isEnded = false;
  #lastFlushRequestMs = 0;

  constructor(options: FeedSessionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#rules = new SessionRules(options);
    this.#window = new UncommittedWindow(options.limits.windowFrames, options.limits.windowTicks);
    this.#queue = new AppendQueue({
      feed: options.feed,
      session: options.session,
      writer: options.instance,
      live: options.live,
      buffer: options.buffer,
      onAppended: (seq, frames) => this.#onAppended(seq, frames),
      onLost: (failure) => this.#finish(endAfterFailure(failure)),
      onHold: (isHeld) => this.#onHold(isHeld),
      clock: options.clock,
    });
  }

  get feed(): string {
    return this.#options.feed;
  }

  get generation(): string {
    return this.#options.generation;
  }

  get accepted(): number {
    return this.#rules.accepted;
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
    if (!this.#isEnded && this.#rules.onCommitted(generation, seq)) this.#sendCommitted();
  }

  /**
   * Reconciliation: the feed's state as Redis has it.
   * @param run of the Redis that answered
   * @param acceptedBefore what this session had told accepted before Redis was asked
   */
  onReconciled(state: ReconciledState | undefined, run: string, acceptedBefore: number): void {
    if (this.#isEnded) return;
    const end = this.#rules.reconcile(state, run, acceptedBefore);
    if (end !== undefined) this.#finish(end);
  }

  /** Ends the session where its connection is gone or opens anew. Waits for the append under way, then releases. */
  async close(): Promise<void> {
    this.#isEnded = true;
    this.#queue.end();
    await this.#queue.drained();
    await this.#options.buffer.release(this.#options.feed, this.#options.session).catch(() => undefined);
  }

  /** Resolves when every frame taken is answered. */
  async drained(): Promise<void> {
    await this.#queue.drained();
  }

  #take(frame: EntryFrame): void {
    if (this.#isEnded) return;
    switch (this.#rules.take(frame.prev, frame.seq)) {
      case 'append':
        return this.#append(frame);
      case 'accepted':
        return this.#options.peer.reply({ T: 'ack', seq: this.#rules.accepted });
      case 'pending':
        return;
      case 'missing':
        return this.#reopen('frame_missing');
      case 'reuse':
        return this.#finish({ kind: 'sequence-reuse' });
    }
  }

  #append(frame: EntryFrame): void {
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
    this.#rules.onAppended(seq);
    this.#options.peer.reply({ T: 'ack', seq });
    this.#sendCommitted();
  }

  #sendCommitted(): void {
    const seq = this.#rules.takeCommitted();
    if (seq === undefined) return;
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
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastFlushRequestMs < FLUSH_REQUEST_SPACING_MS) return;
    this.#lastFlushRequestMs = nowMs;
    // Best effort: the coordinator flushes at its interval anyway, so a lost request costs time only.
    this.#options.buffer.requestFlush().catch(() => undefined);
  }

  #reopen(reason: ReopenReason): void {
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
