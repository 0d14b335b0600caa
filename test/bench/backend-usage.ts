import type { Client } from 'pg';
import { cpuSecondsOf, isLocalBackend } from './process-usage.ts';

const WATCH_MS = 10;

/**
 * Follows the processor time of the PostgreSQL backend that serves the connection named `applicationName`, as long as
 * it lives. Where the server is another machine's, nothing is seen.
 */
export class BackendUsage {
  readonly #db: Client;
  readonly #applicationName: string;
  readonly #countsFrom: 'its start' | 'now';
  readonly #seen = new Map<number, { firstSeconds: number; lastSeconds: number }>();
  #timer: NodeJS.Timeout | undefined;
  #isWatching = true;
  readonly #finding: Promise<void>;

  /** @param countsFrom `its start` for a backend that begins with what is measured */
  constructor(db: Client, applicationName: string, countsFrom: 'its start' | 'now') {
    this.#db = db;
    this.#applicationName = applicationName;
    this.#countsFrom = countsFrom;
    this.#finding = this.#find();
    this.#timer = setInterval(() => this.#sample(), WATCH_MS);
  }

  /** Ends, and says how much was used; exact to about 20 ms. */
  async stop(): Promise<number | undefined> {
    this.#isWatching = false;
    clearInterval(this.#timer);
    this.#sample();
    await this.#finding;
    const used = [...this.#seen.values()].map(({ firstSeconds, lastSeconds }) => lastSeconds - firstSeconds);
    return used.length === 0 ? undefined : used.reduce((sum, each) => sum + each, 0);
  }

  async #find(): Promise<void> {
    while (this.#isWatching) {
      const { rows } = await this.#db.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()',
        [this.#applicationName],
      );
      for (const { pid } of rows) {
        const seconds = isLocalBackend(pid) ? cpuSecondsOf(pid) : undefined;
        if (seconds !== undefined && !this.#seen.has(pid)) {
          this.#seen.set(pid, { firstSeconds: this.#countsFrom === 'now' ? seconds : 0, lastSeconds: seconds });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, this.#seen.size === 0 ? WATCH_MS : WATCH_MS * 10));
    }
  }

  #sample(): void {
    for (const [pid, usage] of this.#seen) usage.lastSeconds = cpuSecondsOf(pid) ?? usage.lastSeconds;
  }
}
