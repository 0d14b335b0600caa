import { FeedOutbox, type OutboxFrame } from '../../src/protocol/feed-outbox.ts';
import type { Connection } from './gateway-model.ts';
import { ContractBroken } from './model-rules.ts';
import type { World } from './world.ts';

/** A frame that knows which process made it, so that other content under a used number is seen. */
export interface ModelFrame extends OutboxFrame {
  readonly feed: string;
  /** `A:7`, or `A:5-7` for a skip: for messages. */
  readonly name: string;
  /** The frame that the same process made before it. */
  readonly before: ModelFrame | undefined;
  readonly rejected: number;
  /** One of its ticks is refused by the database (a user's CHECK). */
  readonly poisoned: boolean;
  acked: boolean;
  toldCommitted: boolean;
  /** Committed so long ago that its journal has let it go. */
  isForgotten: boolean;
}

export type ToFeed =
  | { readonly kind: 'opened'; readonly accepted: number; readonly committed: number }
  | { readonly kind: 'ack' | 'committed'; readonly seq: number }
  | { readonly kind: 'reopen' | 'not-now' }
  | { readonly kind: 'close'; readonly isFinal: boolean; readonly why: string };

export type FromFeed =
  | { readonly kind: 'open'; readonly process: FeedProcess; readonly attempt: number; readonly have: number }
  | { readonly kind: 'frame'; readonly frame: ModelFrame };

/** One life of a program: what a process keeps in memory, or in its journal. */
export class FeedProcess {
  readonly instance: string;
  readonly outbox: FeedOutbox<ModelFrame>;
  readonly frames: ModelFrame[];
  attempt = 1;
  hasAsked = false;
  hasOpened = false;
  /** Highest seq it was told accepted, and durable. */
  told = 0;
  committed = 0;

  constructor(instance: string, outbox: FeedOutbox<ModelFrame>, frames: ModelFrame[] = []) {
    this.instance = instance;
    this.frames = frames;
    this.outbox = outbox;
  }
}

export interface FeedModelOptions {
  readonly hasJournal: boolean;
  /** False: the first process has none yet, and the journal follows a process that is dead. */
  readonly hasJournalFromStart: boolean;
  readonly graceMs: number;
  readonly isRunning: boolean;
}

/** A feed's program: it makes frames, keeps them, sends them, and starts again after a crash. */
export class FeedModel {
  readonly feed: string;
  readonly #world: World;
  readonly #hasJournal: boolean;
  readonly #hasJournalFromStart: boolean;
  readonly #graceMs: number;
  process: FeedProcess;
  /** Processes that ended, with what they had made. */
  readonly dead: FeedProcess[] = [];
  isRunning: boolean;
  /** Told for good that it may not publish: a human is needed. */
  refused: string | undefined;
  connection: Connection | undefined;
  #stage: 'opening' | 'open' | 'waiting' = 'waiting';
  /** Ticks handed over before the first `opened`: not numbered yet. */
  #unnumbered = 0;

  constructor(world: World, feed: string, options: FeedModelOptions) {
    this.#world = world;
    this.feed = feed;
    this.#hasJournal = options.hasJournal;
    this.#hasJournalFromStart = options.hasJournalFromStart;
    this.#graceMs = options.graceMs;
    this.isRunning = options.isRunning;
    this.process = this.#newProcess();
  }

  get isOpen(): boolean {
    return this.connection !== undefined && this.#stage === 'open';
  }

  /** Nothing is left to send or to be committed. */
  get isDrained(): boolean {
    return this.#unnumbered === 0 && this.process.outbox.uncommittedFrames === 0;
  }

  produce(arg: number): void {
    if (!this.isRunning || this.refused !== undefined) return;
    if (this.process.hasOpened) this.#makeFrame(arg);
    else this.#unnumbered += 1;
  }

  /** Does one thing: handles a message, connects, or sends. @returns false when there was nothing to do */
  act(pick: number): boolean {
    if (!this.isRunning || this.refused !== undefined) return false;
    const { connection } = this;
    if (connection === undefined) {
      this.connection = this.#world.connect(this, pick);
      this.#sendOpen();
      return true;
    }
    const message = connection.toFeed.shift();
    if (message !== undefined) {
      this.#handle(message);
      return true;
    }
    if (connection.isServerGone) {
      this.connection = undefined;
      return true;
    }
    if (this.#stage === 'waiting') {
      this.#sendOpen();
      return true;
    }
    return this.#stage === 'open' && this.#send();
  }

  /** The connection is cut; the gateway may go on reading what is on its way to it. */
  cut(): void {
    if (this.connection !== undefined) this.connection.isFeedGone = true;
    this.connection = undefined;
  }

  /** The process dies and is started again. Without a journal it is another one, and what it held is lost with it. */
  crash(): void {
    if (!this.isRunning) return;
    this.cut();
    this.#unnumbered = 0;
    if (this.#hasJournal && (this.dead.length > 0 || this.#hasJournalFromStart)) return this.#restore();
    this.dead.push(this.process);
    this.process = this.#newProcess();
  }

  /**
   * What the journal holds is what was made; of what was committed it keeps a grace, never nothing. A journal without a
   * frame claims nothing, and begins under a new name.
   */
  #restore(): void {
    const { frames, committed, instance, attempt } = this.process;
    if (frames.length === 0 && this.#world.rules.renewsEmptyJournals) {
      this.process = this.#newProcess();
      return;
    }
    const outbox = this.#newOutbox(instance);
    const newest = frames.at(-1);
    for (const frame of frames) {
      frame.isForgotten ||= this.#graceMs === 0 && frame.seq <= committed && frame !== newest;
      if (!frame.isForgotten) outbox.restore(frame);
    }
    outbox.committedUpTo(committed, this.#world.nowMs);
    this.process = new FeedProcess(instance, outbox, frames);
    this.process.committed = committed;
    this.process.attempt = attempt + 1;
  }

  #newProcess(): FeedProcess {
    const instance = this.#world.newInstance();
    return new FeedProcess(instance, this.#newOutbox(instance));
  }

  #newOutbox(instance: string): FeedOutbox<ModelFrame> {
    const limits = { graceMs: this.#graceMs, graceBytes: Number.MAX_SAFE_INTEGER };
    const makeSkip = (to: number, next: number): ModelFrame => ({
      ...this.#frame(`${instance}:${to}-${next}`, to, next),
      skip: true,
      bytes: 0,
      ticks: 0,
    });
    return new FeedOutbox(limits, makeSkip);
  }

  #frame(name: string, prev: number, seq: number): ModelFrame {
    return {
      feed: this.feed,
      name,
      prev,
      seq,
      skip: false,
      ticks: 1,
      bytes: 1,
      before: undefined,
      rejected: 0,
      poisoned: false,
      acked: false,
      toldCommitted: false,
      isForgotten: false,
    };
  }

  #makeFrame(arg: number): void {
    const { outbox, frames, instance } = this.process;
    const prev = outbox.last;
    const seq = prev + 1 + (arg & 1);
    const frame = {
      ...this.#frame(`${instance}:${seq}`, prev, seq),
      ticks: (arg >> 1) & 3,
      before: frames.at(-1),
      rejected: (arg & 24) === 24 ? 1 : 0,
      poisoned: (arg & 96) === 96,
    };
    outbox.add(frame);
    frames.push(frame);
  }

  #sendOpen(): void {
    const { process } = this;
    // Until it has been opened once a process is new to the feed, however often it has asked.
    if (process.hasOpened || (this.#world.rules.countsUnansweredOpens && process.hasAsked)) process.attempt += 1;
    process.hasAsked = true;
    this.#stage = 'opening';
    const have = this.#world.rules.claimsOwnStart ? process.outbox.have : process.told;
    this.connection?.toGateway.push({ kind: 'open', process, attempt: process.attempt, have });
  }

  #send(): boolean {
    const frame = this.process.outbox.takeNext(this.#world.windowFrames, this.#world.windowFrames * 4);
    if (frame === undefined) return false;
    this.#world.story?.push(`  ${this.process.instance} sends ${frame.name}`);
    this.connection?.toGateway.push({ kind: 'frame', frame });
    return true;
  }

  #handle(message: ToFeed): void {
    const { outbox, frames, instance } = this.process;
    this.#world.story?.push(`  ${instance} is told ${JSON.stringify(message)}`);
    switch (message.kind) {
      case 'opened':
        this.process.hasOpened = true;
        this.#stage = 'open';
        if (outbox.opened(message.accepted, message.committed, this.#world.nowMs) === 'conflict')
          return this.#refuse('the position lies inside a frame');
        this.process.told = Math.max(this.process.told, message.accepted);
        markCommitted(frames, message.committed);
        for (; this.#unnumbered > 0; this.#unnumbered--) this.#makeFrame(0);
        return;
      case 'ack':
        this.process.told = Math.max(this.process.told, message.seq);
        for (const frame of frames) if (frame.seq <= message.seq) frame.acked = true;
        return;
      case 'committed':
        this.process.committed = outbox.committedUpTo(message.seq, this.#world.nowMs);
        markCommitted(frames, message.seq);
        return;
      case 'reopen':
        this.#sendOpen();
        return;
      case 'not-now':
        this.#stage = 'waiting';
        return;
      case 'close':
        this.connection = undefined;
        if (message.isFinal) this.#refuse(message.why);
    }
  }

  #refuse(why: string): void {
    this.cut();
    this.refused = why;
    if (!this.#world.hasRival(this) && !this.#world.mayRefuseAlone)
      throw new ContractBroken(
        `${this.process.instance} is the only program of its feed, and is refused for good: ${why}`,
      );
  }
}

function markCommitted(frames: readonly ModelFrame[], seq: number): void {
  for (const frame of frames) if (frame.seq <= seq) frame.toldCommitted = true;
}
