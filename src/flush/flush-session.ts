import type { Client } from 'pg';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { flushLogger } from '../logger.ts';
import type { CoordinatorStore } from './coordinator-ports.ts';
import { type LockKey, tryLockLeadership } from './leader-lock.ts';
import { StalledLeaderDetector } from './stalled-leader-detector.ts';

const CHECK_MS = 1_000;
/** A path is dead after so many checks in a row, a second apart, at which nothing had moved. */
const DEAD_AFTER_CHECKS = 5;

/**
 * The coordinator's one PostgreSQL session: used by nobody else, one statement at a time. A leader sends a heartbeat
 * every second in which it is idle, so that standbys can tell a calm leader from one that stands still.
 */
export class FlushSession implements AsyncDisposable {
  readonly client: Client;
  readonly #key: LockKey;
  readonly #stalledLeader: StalledLeaderDetector;
  readonly #clock: Clock;
  #busy: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #isLost = false;
  readonly #store: Pick<CoordinatorStore, 'progressOfWaiting'>;
  readonly #endChecks: () => void;
  #endHeartbeats: (() => void) | undefined;
  #turns = 0;
  #seen = '';
  #checksUnmoved = 0;
  #leads = false;

  /** @param client is ended with the session */
  constructor(
    client: Client,
    store: Pick<CoordinatorStore, 'lockKey' | 'progressOfWaiting'>,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.client = client;
    this.#store = store;
    this.#key = store.lockKey;
    this.#clock = clock;
    this.#stalledLeader = new StalledLeaderDetector(store.lockKey);
    this.#endChecks = clock.every(CHECK_MS, () => void this.#checkPath());
    client.on('error', () => (this.#isLost = true));
    client.on('end', () => (this.#isLost = true));
  }

  /** Whether the connection has ended, or is given up: nothing can be done with this session any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether it holds the leader lock, as far as is known here. */
  get leads(): boolean {
    return this.#leads;
  }

  /**
   * Tries to take the leader lock; while another session holds it, checks whether that one stands still.
   * @throws what PostgreSQL or the connection threw
   */
  async tryLead(): Promise<boolean> {
    return this.exclusively(async () => {
      this.#leads = await tryLockLeadership(this.client, this.#key);
      if (this.#leads) this.#endHeartbeats ??= this.#clock.every(CHECK_MS, () => this.#heartbeat());
      else await this.#stalledLeader.check(this.client, this.#clock.now());
      return this.#leads;
    });
  }

  /** Leads no more: a transaction found the leader lock with another session. */
  stepDown(): void {
    this.#leads = false;
    this.#endHeartbeats?.();
    this.#endHeartbeats = undefined;
  }

  /** Runs `work` with the session to itself, after the work that runs now, however that one ends. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(work);
    this.#isBusy = true;
    this.#turns += 1;
    this.#busy = turn
      .catch(() => undefined)
      .then(() => {
        this.#isBusy = false;
      });
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stepDown();
    this.#endChecks();
    this.#isLost = true;
    await this.client.end().catch(() => undefined);
  }

  /**
   * Detects a dead path, which TCP tells neither side. Then we wait for the backend, and it waits for us: another
   * session can see that, and tell it from a backend that works or waits for a lock.
   */
  async #checkPath(): Promise<void> {
    const { client } = this;
    if (!this.#isBusy || this.#isLost || !('processID' in client) || typeof client.processID !== 'number') return;
    const turn = this.#turns;
    const progress = await this.#store.progressOfWaiting(client.processID).catch(() => undefined);
    const { stream } = client.connection;
    const seen = `${turn} ${'bytesRead' in stream ? String(stream.bytesRead) : ''} ${progress}`;
    const isUnmoved = progress !== undefined && this.#isBusy && turn === this.#turns && seen === this.#seen;
    this.#checksUnmoved = isUnmoved ? this.#checksUnmoved + 1 : 0;
    this.#seen = seen;
    if (this.#checksUnmoved < DEAD_AFTER_CHECKS || this.#isLost) return;
    flushLogger.warn({ backend: client.processID }, 'the path to PostgreSQL is dead: connecting anew');
    this.#isLost = true;
    // With a query under way this destroys the socket, and the query rejects.
    void client.end().catch(() => undefined);
  }

  /** A statement that does nothing: it moves the backend's `state_change`, which standbys watch. */
  #heartbeat(): void {
    if (this.#isBusy || this.#isLost) return;
    void this.exclusively(() => this.client.query('SELECT')).catch(() => (this.#isLost = true));
  }
}
