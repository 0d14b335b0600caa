import { randomId } from '../base/random-id.ts';
import { ingestLogger } from '../logger.ts';
import { FeedOutbox, type OutboxFrame } from '../protocol/feed-outbox.ts';
import { type EntryFrame, skipFrame } from '../stream/stream-entry.ts';
import type { CheckedTicks } from '../market/tick-check.ts';
import type { AppendBuffer, FeedLimits, IngestObserver } from './feed-ports.ts';
import type { RegisteredFeed } from './feed-registry.ts';
import { FeedSession } from './feed-session.ts';
import type { ReconciledState } from './session-rules.ts';
import type { FeedOpener } from './feed-opener.ts';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';

/** The fate of one frame, told to its publisher: `onAck` when Redis holds it, `onCommitted` when it is durable. */
export interface OneOffListener {
  onAck(): void;
  onCommitted(): void;
}

interface InternalFrame extends OutboxFrame {
  readonly entry: EntryFrame;
}

export interface InternalFeedOptions {
  /** `~gw` or `~cli`; the feed's name is this and a random part. */
  readonly prefix: string;
  readonly opener: Pick<FeedOpener, 'open'>;
  readonly buffer: AppendBuffer;
  readonly limits: FeedLimits;
  readonly observer: IngestObserver;
  readonly clock?: Clock | undefined;
}

const REOPEN_MS = 200;
const MAX_REOPEN_MS = 2_000;
/** No grace: committed frames of one-off publishers are not kept, since nobody could ask for them. */
const NO_GRACE = { graceMs: 0, graceBytes: 0 };

/**
 * Internal feed: one that this process runs itself, for publishers that send single frames and don't resume. Its frames
 * are numbered, kept until committed and sent again after a reopen, like any feed's. A tick acknowledged but not
 * committed is lost only if this process and Redis are both lost.
 */
export class InternalFeed implements RegisteredFeed, AsyncDisposable {
  readonly feed: string;
  readonly #options: InternalFeedOptions;
  readonly #clock: Clock;
  readonly #instance = randomId(9);
  readonly #outbox = new FeedOutbox<InternalFrame>(NO_GRACE, (to, next) => toInternal(skipFrame(to, next)));
  readonly #listeners = new Map<number, OneOffListener>();
  #session: FeedSession | undefined;
  #attempt = 0;
  #acked = 0;
  #isOpening = false;
  #cancelOpen: (() => void) | undefined;
  #isClosed = false;

  constructor(options: InternalFeedOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.feed = `${options.prefix}-${randomId(9)}`;
  }

  get generation(): string {
    return this.#session?.generation ?? '';
  }

  get accepted(): number {
    return this.#session?.accepted ?? 0;
  }

  /** Numbers and keeps a frame, and sends it when the window and the feed's state allow. Copies the rows. */
  publish(ticks: CheckedTicks, listener: OneOffListener): void {
    const prev = this.#outbox.last;
    const entry: EntryFrame = {
      seq: prev + 1,
      prev,
      skip: false,
      count: ticks.count,
      rows: Buffer.from(ticks.rows),
      rejected: ticks.rejected,
    };
    this.#outbox.add(toInternal(entry));
    this.#listeners.set(entry.seq, listener);
    if (this.#session === undefined) this.#openSoon(0);
    else this.#sendMore();
  }

  onCommitted(generation: string, seq: number): void {
    this.#session?.onCommitted(generation, seq);
  }

  onReconciled(state: ReconciledState | undefined, run: string, acceptedBefore: number): void {
    this.#session?.onReconciled(state, run, acceptedBefore);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cancelOpen?.();
    await this.#session?.close();
  }

  #openSoon(waitMs: number): void {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    this.#cancelOpen = this.#clock.after(waitMs, () => void this.#open(waitMs));
  }

  async #open(waitedMs: number): Promise<void> {
    this.#attempt += 1;
    const session = randomId();
    const claim = { session, instance: this.#instance, attempt: this.#attempt, have: this.#outbox.have };
    const state = await this.#options.opener.open(this.feed, claim);
    this.#isOpening = false;
    if (this.#isClosed) return;
    if (state.outcome !== 'opened') {
      ingestLogger.warn({ feed: this.feed, outcome: state.outcome }, 'internal feed could not be opened, trying again');
      this.#openSoon(Math.min(MAX_REOPEN_MS, Math.max(REOPEN_MS, waitedMs * 2)));
      return;
    }
    this.#outbox.opened(state.position, state.committed, this.#clock.now());
    this.#session = new FeedSession({
      feed: this.feed,
      session,
      instance: this.#instance,
      live: true,
      generation: state.generation,
      accepted: state.position,
      committed: state.committed,
      limits: this.#options.limits,
      buffer: this.#options.buffer,
      observer: this.#options.observer,
      peer: {
        reply: (...replies) => {
          for (const each of replies) {
            if (each.T === 'ack' && 'seq' in each) this.#onAck(each.seq);
            else if (each.T === 'committed' && 'seq' in each) this.#onDurable(each.seq);
          }
        },
        setReading: () => undefined,
      },
      onEnd: () => {
        this.#session = undefined;
        this.#openSoon(REOPEN_MS);
      },
      clock: this.#clock,
    });
    this.#onAck(state.position);
    this.#onDurable(state.committed);
    this.#sendMore();
  }

  #sendMore(): void {
    const { windowFrames, windowTicks } = this.#options.limits;
    for (
      let next = this.#outbox.takeNext(windowFrames, windowTicks);
      next !== undefined;
      next = this.#outbox.takeNext(windowFrames, windowTicks)
    ) {
      const { entry } = next;
      if (entry.skip) this.#session?.skip(entry.prev, entry.seq);
      else
        this.#session?.publish(entry.seq, entry.prev, {
          rows: entry.rows,
          count: entry.count,
          rejected: entry.rejected,
        });
    }
  }

  #onAck(seq: number): void {
    for (let each = this.#acked + 1; each <= seq; each++) this.#listeners.get(each)?.onAck();
    this.#acked = Math.max(this.#acked, seq);
  }

  #onDurable(seq: number): void {
    const committed = this.#outbox.committedUpTo(seq, this.#clock.now());
    for (const [each, listener] of this.#listeners) {
      if (each > committed) break;
      this.#listeners.delete(each);
      listener.onCommitted();
    }
    this.#sendMore();
  }
}

function toInternal(entry: EntryFrame): InternalFrame {
  return { seq: entry.seq, prev: entry.prev, skip: entry.skip, ticks: entry.count, bytes: entry.rows.length, entry };
}
