const PROBE_MS = 1_000;

/** Health probe of the database: one query a second. */
export class DatabaseProbe implements Disposable {
  readonly #ping: () => Promise<unknown>;
  readonly #everyMs: number;
  #isUp = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param ping the query; rejects, within a bounded time, while the database is away */
  constructor(ping: () => Promise<unknown>, everyMs: number = PROBE_MS) {
    this.#ping = ping;
    this.#everyMs = everyMs;
  }

  /** Whether the last query was answered. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Asks once, then goes on in the background. */
  async start(): Promise<void> {
    await this.#probe();
    this.#timer ??= setInterval(() => void this.#probe(), this.#everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #probe(): Promise<void> {
    this.#isUp = await this.#ping().then(
      () => true,
      () => false,
    );
  }
}
