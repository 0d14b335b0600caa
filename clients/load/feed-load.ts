import { FeedClient } from '../feed/feed-client.ts';
import { Latency, type LatencySummary } from './latency.ts';
import type { LoadClock } from './load-clock.ts';
import { dueMsOf, frameNumberOf, type LoadPlan, type LoadSchedule, scheduleOf } from './load-plan.ts';
import { loadFrame, loadSymbol } from './load-ticks.ts';
import { SentTally } from './sent-tally.ts';

/** Frames handed to one feed in one turn: the others and the sockets get theirs too. */
const MAX_FRAMES_A_TURN = 256;
/** Timers are of whole milliseconds. */
const MIN_SLEEP_MS = 1;

export interface FeedCounts {
  readonly sentFrames: number;
  readonly ackedFrames: number;
  readonly committedFrames: number;
}

/** Of all feeds together; see {@link FeedLoad}. */
export interface FeedLatencies {
  readonly ack: LatencySummary;
  readonly committed: LatencySummary;
  readonly ownLag: LatencySummary;
}

interface LoadFeed {
  readonly client: FeedClient;
  readonly index: number;
  nextSeq: number;
  ackedSeq: number;
  committedSeq: number;
  /** The client has not taken its last frame yet. */
  isBlocked: boolean;
  /** It was still so a turn later, because its memory is full: lateness is the gateway's now. */
  isHeld: boolean;
  freeSinceMs: number;
}

/** The feeds of a load test: frames by the clock, however the gateway answers, and the time until each answer. */
export class FeedLoad implements AsyncDisposable {
  readonly sent: SentTally;
  readonly #plan: LoadPlan;
  readonly #schedule: LoadSchedule;
  readonly #clock: LoadClock;
  readonly #symbols: readonly string[];
  readonly #feeds: readonly LoadFeed[];
  readonly #ack = new Latency();
  readonly #committed = new Latency();
  readonly #ownLag = new Latency();
  #startMs = 0;
  #rejected = 0;
  #interruptions = 0;
  #holds = 0;
  #failure: Error | undefined;

  constructor(plan: LoadPlan, run: string, clock: LoadClock) {
    this.#plan = plan;
    this.#schedule = scheduleOf(plan);
    this.#clock = clock;
    this.sent = new SentTally(plan.symbols);
    this.#symbols = Array.from({ length: plan.symbols }, (_, number) => loadSymbol(number));
    this.#feeds = Array.from({ length: plan.feeds }, (_, index) => this.#openFeed(`load-${run}-${index}`, index));
  }

  get rejected(): number {
    return this.#rejected;
  }

  /** Connections lost, and reopens. */
  get interruptions(): number {
    return this.#interruptions;
  }

  /** How often a client's memory was full: the gateway takes less than is due. */
  get holds(): number {
    return this.#holds;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  counts(): FeedCounts {
    const sum = (of: (feed: LoadFeed) => number): number => this.#feeds.reduce((total, feed) => total + of(feed), 0);
    return {
      sentFrames: sum((feed) => feed.nextSeq - 1),
      ackedFrames: sum((feed) => feed.ackedSeq),
      committedFrames: sum((feed) => feed.committedSeq),
    };
  }

  latencies(): FeedLatencies {
    return {
      ack: this.#ack.summary(),
      committed: this.#committed.summary(),
      ownLag: this.#ownLag.summary(),
    };
  }

  /** @throws {FeedRefusedError} when the gateway will not have a feed */
  async opened(): Promise<void> {
    await Promise.all(this.#feeds.map((feed) => feed.client.opened()));
  }

  /**
   * Sends every frame at its time, and returns when the time is over. Frames that are late by then are not sent.
   * @param startMs when the first frame is due
   */
  async run(startMs: number, signal: AbortSignal): Promise<void> {
    this.#startMs = startMs;
    const endMs = startMs + dueMsOf(this.#schedule.frames, this.#schedule);
    for (;;) {
      const nowMs = this.#clock.nowMs();
      if (signal.aborted || this.#failure !== undefined) return;
      let nextDueMs = endMs;
      for (const feed of this.#feeds) nextDueMs = Math.min(nextDueMs, this.#sendDue(feed, nowMs));
      if (nowMs >= endMs) return;
      const sleepMs = Math.max(MIN_SLEEP_MS, Math.floor(nextDueMs - this.#clock.nowMs()));
      await new Promise((resolve) => setTimeout(resolve, sleepMs));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#feeds.map((feed) => feed.client.close({ wait: false })));
  }

  /** @returns when the feed's next frame is due */
  #sendDue(feed: LoadFeed, nowMs: number): number {
    if (feed.isBlocked) {
      if (!feed.isHeld) this.#holds += 1;
      feed.isHeld = true;
      return Number.POSITIVE_INFINITY;
    }
    let last: Promise<unknown> | undefined;
    for (let i = 0; i < MAX_FRAMES_A_TURN; i++) {
      const frame = frameNumberOf(feed.index, feed.nextSeq, this.#plan);
      if (frame >= this.#schedule.frames) return Number.POSITIVE_INFINITY;
      const dueMs = this.#startMs + dueMsOf(frame, this.#schedule);
      if (dueMs > nowMs) {
        this.#block(feed, last);
        return dueMs;
      }
      this.#ownLag.record(nowMs - Math.max(dueMs, feed.freeSinceMs));
      last = this.#send(feed, frame, dueMs);
    }
    this.#block(feed, last);
    return nowMs;
  }

  #send(feed: LoadFeed, frame: number, dueMs: number): Promise<unknown> {
    const { frameTicks } = this.#plan;
    const timeMicros = Math.floor((this.#clock.originMs + dueMs) * 1_000);
    const sending = feed.client.publishFrame(loadFrame(frame, frameTicks, this.#symbols, timeMicros), feed.nextSeq);
    sending.catch((error: unknown) => this.#fail(error));
    this.sent.add(frame * frameTicks, (frame + 1) * frameTicks);
    feed.nextSeq += 1;
    return sending;
  }

  /** Until the client has taken its frame; at once, unless its memory is full. */
  #block(feed: LoadFeed, last: Promise<unknown> | undefined): void {
    if (last === undefined) return;
    feed.isBlocked = true;
    const goOn = (): void => {
      feed.isBlocked = false;
      if (feed.isHeld) feed.freeSinceMs = this.#clock.nowMs();
      feed.isHeld = false;
    };
    last.then(goOn, goOn);
  }

  #openFeed(name: string, index: number): LoadFeed {
    let wasOpen = false;
    const client = new FeedClient({
      url: this.#plan.url,
      feed: name,
      token: this.#plan.token,
      onState: (state) => {
        if (wasOpen && (state === 'waiting' || state === 'opening')) this.#interruptions += 1;
        wasOpen = state === 'open';
      },
      onRejected: (_seq, list) => void (this.#rejected += list.length),
      onAck: (seq) => this.#advance(feed, 'ackedSeq', seq, this.#ack),
      onCommitted: (seq) => this.#advance(feed, 'committedSeq', seq, this.#committed),
    });
    const feed: LoadFeed = {
      client,
      index,
      nextSeq: 1,
      ackedSeq: 0,
      committedSeq: 0,
      isBlocked: false,
      isHeld: false,
      freeSinceMs: 0,
    };
    return feed;
  }

  #advance(feed: LoadFeed, which: 'ackedSeq' | 'committedSeq', seq: number, latency: Latency): void {
    const nowMs = this.#clock.nowMs();
    for (let each = feed[which] + 1; each <= seq; each++) {
      const dueMs = dueMsOf(frameNumberOf(feed.index, each, this.#plan), this.#schedule);
      if (dueMs >= this.#plan.warmUpMs) latency.record(nowMs - this.#startMs - dueMs);
    }
    feed[which] = Math.max(feed[which], seq);
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  }
}
