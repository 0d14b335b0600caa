import type { FeedState } from '../../src/stream/feed-state.ts';
import type { FeedProcess, ModelFrame } from './feed-model.ts';
import type { Connection, GatewayModel, Notice } from './gateway-model.ts';
import { ask, type Job, ServiceFailure } from './model-call.ts';
import type { Opening } from './opening.ts';
import type { World } from './world.ts';

/** `ingest/feed-session.ts` with its `append-queue.ts`: one feed on one connection, from `opened` to the loss of its place. */
export class SessionModel {
  readonly id: string;
  readonly feed: string;
  readonly generation: string;
  readonly #world: World;
  readonly #gateway: GatewayModel;
  readonly #connection: Connection;
  readonly #process: FeedProcess;
  #taken: number;
  accepted: number;
  #toldCommitted: number;
  #known: Pick<Notice, 'seq' | 'restores'>;
  #isFirstFrame = true;
  #isEnded = false;
  #waiting: ModelFrame[] = [];
  isAppending = false;

  constructor(
    world: World,
    gateway: GatewayModel,
    connection: Connection,
    process: FeedProcess,
    id: string,
    state: Extract<Opening, { outcome: 'opened' }>,
  ) {
    this.#world = world;
    this.#gateway = gateway;
    this.#connection = connection;
    this.#process = process;
    this.id = id;
    this.feed = connection.feed;
    this.generation = state.generation;
    this.#taken = state.position;
    this.accepted = state.position;
    this.#toldCommitted = state.committed;
    this.#known = { seq: state.committed, restores: state.restores };
  }

  end(): void {
    this.#isEnded = true;
    this.#waiting = [];
  }

  take(frame: ModelFrame): void {
    if (this.#isEnded) return;
    const isFirst = this.#isFirstFrame;
    this.#isFirstFrame = false;
    if (frame.prev > this.#taken) return this.#finish('reopen');
    if (frame.prev < this.#taken) {
      if (isFirst || frame.seq > this.#taken) return this.#finish('sequence-reuse');
      if (frame.seq <= this.accepted) this.#connection.tell({ kind: 'ack', seq: this.accepted });
      return;
    }
    this.#taken = frame.seq;
    this.#waiting.push(frame);
    if (this.isAppending) return;
    this.isAppending = true;
    this.#world.start(this.#gateway.name, this.#append());
  }

  onCommitted(notice: Notice): void {
    if (this.#isEnded) return;
    if (this.#world.rules.tellsOwnGenerationOnly && notice.generation !== this.generation) return;
    if (notice.seq > this.#known.seq) this.#known = notice;
    this.#tellCommitted();
  }

  onReconciled(state: FeedState | undefined, run: string, acceptedBefore: number): void {
    if (this.#isEnded) return;
    if (state === undefined || state.run !== run || state.generation !== this.generation) return this.#finish('reopen');
    if (state.session !== this.id) return this.#finish('superseded');
    if (state.position < acceptedBefore) this.#finish('reopen');
  }

  *#append(): Job {
    while (this.#waiting.length > 0) {
      const frames = this.#waiting.splice(0, this.#world.framesAnEntry);
      const outcome = yield* this.#appendHolding(frames);
      if (this.#isEnded) break;
      if (outcome === 'session') this.#finish('superseded');
      else if (outcome !== 'appended' && outcome !== 'repeat') this.#finish('reopen');
      else {
        this.accepted = Math.max(this.accepted, frames.at(-1)?.seq ?? 0);
        this.#connection.tell({ kind: 'ack', seq: this.accepted });
        this.#tellCommitted();
      }
    }
    this.isAppending = false;
  }

  /** Tries again only while it is certain that nothing was stored. */
  *#appendHolding(frames: readonly ModelFrame[]) {
    const { redis, rules } = this.#world;
    const writer = this.#process.instance;
    for (;;) {
      try {
        const { outcome } = yield* ask('redis', 'append', () => redis.append(this.feed, this.id, writer, frames));
        if (outcome !== 'full') return outcome;
      } catch (error) {
        if (!(error instanceof ServiceFailure)) throw error;
        if (error.mayBeDone) return rules.givesUpUnanswered ? 'unanswered' : 'appended';
      }
      if (this.#isEnded) return 'lost-state';
    }
  }

  /** Never above what this connection was told accepted. */
  #tellCommitted(): void {
    const seq = Math.min(this.#known.seq, this.accepted);
    if (seq <= this.#toldCommitted) return;
    this.#toldCommitted = seq;
    if (!this.#connection.isFeedGone) this.#world.checkTold(this.#process, seq, this.#known.restores);
    this.#connection.tell({ kind: 'committed', seq });
  }

  #finish(end: 'reopen' | 'superseded' | 'sequence-reuse'): void {
    if (this.#isEnded) return;
    this.end();
    this.#gateway.onSessionEnd(this.#connection, end);
  }
}
