import type { Client } from 'pg';
import { HolderWatch, type LockKey, tryTakeSeat } from './leader-seat.ts';

const HEARTBEAT_MS = 1_000;

/**
 * The coordinator's one PostgreSQL session: used by nobody else, one statement at a time. While it leads it gives a
 * sign of life every second, so that standbys can tell a calm leader from one that stands still.
 */
export class FlushSession implements AsyncDisposable {
  readonly client: Client;
  readonly #key: LockKey;
  readonly #watch: HolderWatch;
  #busy: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #isLost = false;
  #timer: NodeJS.Timeout | undefined;
  leads = false;

  constructor(client: Client, key: LockKey) {
    this.client = client;
    this.#key = key;
    this.#watch = new HolderWatch(key);
    client.on('error', () => (this.#isLost = true));
    client.on('end', () => (this.#isLost = true));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Tries to lead; while another leads, looks whether that one stands still. */
  async tryLead(nowMs: number): Promise<boolean> {
    return this.exclusively(async () => {
      this.leads = await tryTakeSeat(this.client, this.#key);
      if (this.leads) this.#timer ??= setInterval(() => this.#heartbeat(), HEARTBEAT_MS).unref();
      else await this.#watch.look(this.client, nowMs);
      return this.leads;
    });
  }

  /** Runs `work` with the session to itself, after what is running now. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(work);
    this.#isBusy = true;
    this.#busy = turn
      .catch(() => undefined)
      .then(() => {
        this.#isBusy = false;
      });
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.leads = false;
    this.#isLost = true;
    await this.client.end().catch(() => undefined);
  }

  #heartbeat(): void {
    if (this.#isBusy || this.#isLost) return;
    void this.exclusively(() => this.client.query('SELECT')).catch(() => (this.#isLost = true));
  }
}
