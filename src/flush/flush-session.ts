import type { Client } from 'pg';
import { flushLogger } from '../logger.ts';
import type { CoordinatorStore } from './coordinator-ports.ts';
import { StalledLeaderDetector, type LockKey, tryLockLeadership } from './leader-lock.ts';

const HEARTBEAT_MS = 1_000;
/** So many looks in a row, a second apart, at which nothing has moved make a path dead. */
const DEAD_AFTER_CHECKS = 5;

/**
 * The coordinator's one PostgreSQL session: used by nobody else, one statement at a time. While it leads it gives a
 * sign of life every second, so that standbys can tell a calm leader from one that stands still.
 */
export class FlushSession implements AsyncDisposable {
  readonly client: Client;
  readonly #key: LockKey;
  readonly #watch: StalledLeaderDetector;
  #busy: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #isLost = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #store: Pick<CoordinatorStore, 'progressOfWaiting'>;
  readonly #lifeTimer: NodeJS.Timeout;
  #turns = 0;
  #seen = '';
  #checksUnmoved = 0;
  leads = false;

  constructor(client: Client, store: Pick<CoordinatorStore, 'lockKey' | 'progressOfWaiting'>) {
    this.client = client;
    this.#store = store;
    this.#key = store.lockKey;
    this.#watch = new StalledLeaderDetector(store.lockKey);
    this.#lifeTimer = setInterval(() => void this.#checkPath(), HEARTBEAT_MS).unref();
    client.on('error', () => (this.#isLost = true));
    client.on('end', () => (this.#isLost = true));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Tries to lead; while another leads, looks whether that one stands still. */
  async tryLead(nowMs: number): Promise<boolean> {
    return this.exclusively(async () => {
      this.leads = await tryLockLeadership(this.client, this.#key);
      if (this.leads) this.#timer ??= setInterval(() => this.#heartbeat(), HEARTBEAT_MS).unref();
      else await this.#watch.check(this.client, nowMs);
      return this.leads;
    });
  }

  /** Runs `work` with the session to itself, after what is running now. */
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
    clearInterval(this.#timer);
    clearInterval(this.#lifeTimer);
    this.leads = false;
    this.#isLost = true;
    await this.client.end().catch(() => undefined);
  }

  /**
   * A path can die without telling either side. Then we wait for the backend, and it waits for us: another session can
   * see that, and tell it from a backend that works or waits for a lock.
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

  #heartbeat(): void {
    if (this.#isBusy || this.#isLost) return;
    void this.exclusively(() => this.client.query('SELECT')).catch(() => (this.#isLost = true));
  }
}
