import { endAfterFailure, type SessionEnd, type SessionRules } from '../../src/ingest/session-rules.ts';
import type { FeedState } from '../../src/stream/feed-state.ts';
import type { FeedProcess, ModelFrame } from './feed-model.ts';
import type { Connection, GatewayModel, Notice } from './gateway-model.ts';
import { ask, type Job, ServiceFailure } from './model-call.ts';
import type { Opening } from './opening.ts';
import type { World } from './world.ts';

/**
 * `ingest/feed-session.ts` with its `append-queue.ts`, on production's own `session-rules.ts`: one feed on one connection,
 * from `opened` to the loss of its state.
 */
export class SessionModel {
  readonly id: string;
  readonly feed: string;
  readonly generation: string;
  readonly #world: World;
  readonly #gateway: GatewayModel;
  readonly #connection: Connection;
  readonly #process: FeedProcess;
  readonly #rules: SessionRules;
  /** History of the database of which the newest known `committed` is. */
  #restores: number;
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
    const { generation, position: accepted, committed } = state;
    this.#rules = world.rules.newSessionRules({ session: id, generation, accepted, committed });
    this.#restores = state.restores;
  }

  get accepted(): number {
    return this.#rules.accepted;
  }

  end(): void {
    this.#isEnded = true;
    this.#waiting = [];
  }

  take(frame: ModelFrame): void {
    if (this.#isEnded) return;
    switch (this.#rules.take(frame.prev, frame.seq)) {
      case 'append':
        return this.#push(frame);
      case 'accepted':
        return this.#connection.tell({ kind: 'ack', seq: this.accepted });
      case 'pending':
        return;
      case 'missing':
        return this.#finish({ kind: 'reopen', reason: 'frame_missing' });
      case 'reuse':
        return this.#finish({ kind: 'sequence-reuse' });
    }
  }

  #push(frame: ModelFrame): void {
    this.#waiting.push(frame);
    if (this.isAppending) return;
    this.isAppending = true;
    this.#world.start(this.#gateway.name, this.#append());
  }

  onCommitted(notice: Notice): void {
    if (this.#isEnded) return;
    if (!this.#rules.onCommitted(notice.generation, notice.seq)) return;
    this.#restores = notice.restores;
    this.#tellCommitted();
  }

  onReconciled(state: FeedState | undefined, run: string, acceptedBefore: number): void {
    if (this.#isEnded) return;
    const end = this.#rules.reconcile(state, run, acceptedBefore);
    if (end !== undefined) this.#finish(end);
  }

  *#append(): Job {
    while (this.#waiting.length > 0) {
      const frames = this.#waiting.splice(0, this.#world.framesAnEntry);
      const outcome = yield* this.#appendHolding(frames);
      if (this.#isEnded) break;
      if (outcome !== 'appended' && outcome !== 'repeat') this.#finish(endAfterFailure(outcome));
      else {
        this.#rules.onAppended(frames.at(-1)?.seq ?? 0);
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

  #tellCommitted(): void {
    const seq = this.#rules.takeCommitted();
    if (seq === undefined) return;
    if (!this.#connection.isFeedGone) this.#world.checkTold(this.#process, seq, this.#restores);
    this.#connection.tell({ kind: 'committed', seq });
  }

  #finish(end: SessionEnd): void {
    if (this.#isEnded) return;
    this.end();
    this.#gateway.onSessionEnd(this.#connection, end);
  }
}
