import type { SessionEnd } from '../../src/ingest/session-rules.ts';
import type { FeedModel, FromFeed, ToFeed } from './feed-model.ts';
import { ask, type Job, ServiceFailure } from './model-call.ts';
import { openFeedOf } from './opening.ts';
import { SessionModel } from './session-model.ts';
import type { World } from './world.ts';

/** What a flush has told: how far a feed is durable, and in which history of the database. */
export interface Notice {
  readonly feed: string;
  readonly generation: string;
  readonly seq: number;
  readonly restores: number;
}

/** A feed's connection to a gateway: each direction in order, as far as it gets. */
export class Connection {
  readonly feed: string;
  readonly toGateway: FromFeed[] = [];
  readonly toFeed: ToFeed[] = [];
  /** The feed will read nothing more from it; the gateway may not know yet. */
  isFeedGone = false;
  isServerGone = false;
  session: SessionModel | undefined;
  /** Opens and closes, one after another. */
  readonly jobs: Array<() => Job> = [];
  isBusy = false;

  constructor(feed: FeedModel) {
    this.feed = feed.feed;
  }

  tell(message: ToFeed): void {
    if (!this.isServerGone && !this.isFeedGone) this.toFeed.push(message);
  }
}

/** One gateway process: `feed-connection.ts`, `feed-session.ts`, `feed-opener.ts` and reconciliation, in small. */
export class GatewayModel {
  readonly name: string;
  readonly #world: World;
  connections: Connection[] = [];
  readonly notices: Notice[] = [];
  isReconciling = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  accept(feed: FeedModel): Connection {
    const connection = new Connection(feed);
    this.connections.push(connection);
    return connection;
  }

  /** Takes one message from a connection. @returns false when there is none */
  read(connection: Connection): boolean {
    if (connection.isServerGone) return false;
    const message = connection.toGateway.shift();
    if (message === undefined) {
      if (!connection.isFeedGone) return false;
      this.close(connection);
      return true;
    }
    if (message.kind === 'frame') connection.session?.take(message.frame);
    else {
      this.#dropSession(connection);
      this.#enqueue(connection, () => this.#open(connection, message));
    }
    return true;
  }

  /** The connection ends on this side: its session is left when what is under way has been answered. */
  close(connection: Connection): void {
    connection.isServerGone = true;
    this.connections = this.connections.filter((each) => each !== connection);
    this.#dropSession(connection);
  }

  /** Handles one notice of a flush. @returns false when there is none */
  hear(): boolean {
    const notice = this.notices.shift();
    if (notice === undefined) return false;
    for (const session of this.#sessions()) {
      if (session.feed === notice.feed) session.onCommitted(notice);
    }
    return true;
  }

  reconcile(): void {
    if (this.isReconciling || !this.#world.rules.reconciles || this.connections.length === 0) return;
    this.isReconciling = true;
    this.#world.start(this.name, this.#reconcileOnce());
  }

  onSessionEnd(connection: Connection, end: SessionEnd): void {
    connection.session = undefined;
    if (end.kind === 'reopen') return connection.tell({ kind: 'reopen' });
    connection.tell({ kind: 'close', isFinal: end.kind === 'sequence-reuse', why: end.kind });
    this.close(connection);
  }

  #sessions(): SessionModel[] {
    return this.connections.flatMap((connection) => connection.session ?? []);
  }

  *#reconcileOnce(): Job {
    const sessions = this.#sessions();
    const acceptedBefore = sessions.map((session) => session.accepted);
    const { redis, database } = this.#world;
    try {
      const { run, feedStates } = yield* ask('redis', 'look', () => ({
        run: redis.run,
        feedStates: redis.feedStates(),
      }));
      sessions.forEach((session, at) =>
        session.onReconciled(feedStates.get(session.feed), run, acceptedBefore[at] ?? 0),
      );
    } catch (error) {
      if (!(error instanceof ServiceFailure)) throw error;
    }
    try {
      const { restores, rows } = yield* ask('database', 'look', () => ({
        restores: database.restores,
        rows: database.read(),
      }));
      for (const session of this.#sessions()) {
        const row = rows.get(session.feed);
        if (row !== undefined) session.onCommitted({ feed: session.feed, ...row, restores });
      }
    } catch (error) {
      if (!(error instanceof ServiceFailure)) throw error;
    }
    this.isReconciling = false;
  }

  #dropSession(connection: Connection): void {
    const { session } = connection;
    connection.session = undefined;
    if (session === undefined) return;
    session.end();
    this.#enqueue(connection, () => this.#leave(session));
  }

  #enqueue(connection: Connection, job: () => Job): void {
    connection.jobs.push(job);
    if (connection.isBusy) return;
    connection.isBusy = true;
    this.#world.start(this.name, this.#runJobs(connection));
  }

  *#runJobs(connection: Connection): Job {
    for (let job = connection.jobs.shift(); job !== undefined; job = connection.jobs.shift()) yield* job();
    connection.isBusy = false;
  }

  *#leave(session: SessionModel): Job {
    yield* ask(
      'none',
      'drain',
      () => undefined,
      () => !session.isAppending,
    );
    yield* this.#release(session.feed, session.id);
  }

  *#open(connection: Connection, request: Extract<FromFeed, { kind: 'open' }>): Job {
    const world = this.#world;
    const session = world.newMark('session');
    const { process, attempt, have } = request;
    const claim = { session, instance: process.instance, attempt, have };
    const state = yield* openFeedOf(world, connection.feed, claim);
    if (connection.isServerGone) {
      if (state.outcome === 'opened') yield* this.#release(connection.feed, session);
      return;
    }
    if (state.outcome === 'not-now') return connection.tell({ kind: 'not-now' });
    if (state.outcome !== 'opened') {
      connection.tell({ kind: 'close', isFinal: state.outcome === 'taken', why: state.outcome });
      return this.close(connection);
    }
    connection.session = new SessionModel(world, this, connection, process, session, state);
    if (!connection.isFeedGone) world.checkTold(process, state.committed, state.restores);
    connection.tell({ kind: 'opened', accepted: state.position, committed: state.committed });
  }

  *#release(feed: string, session: string): Job {
    try {
      yield* ask('redis', 'release', () => this.#world.redis.release(feed, session));
    } catch (error) {
      if (!(error instanceof ServiceFailure)) throw error;
    }
  }
}
