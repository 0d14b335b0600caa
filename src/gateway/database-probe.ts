import type { Pool } from 'pg';

const PROBE_MS = 1_000;

/** Health probe of the database: one query a second. */
export class DatabaseProbe implements Disposable {
  readonly #pool: Pool;
  #isUp = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Whether the last query was answered. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Asks once, then goes on in the background. */
  async start(): Promise<void> {
    await this.#probe();
    this.#timer ??= setInterval(() => void this.#probe(), PROBE_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #probe(): Promise<void> {
    this.#isUp = await this.#pool.query('SELECT 1').then(
      () => true,
      () => false,
    );
  }
}
