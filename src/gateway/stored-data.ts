import type { Pool } from 'pg';
import type { Config } from '../config.ts';
import { describeError, UsageError } from '../errors.ts';
import type { ApiQueries } from '../http/api-ports.ts';
import { storeLogger } from '../logger.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import { readBoard } from '../store/market-board.ts';
import { createPostgresPool } from '../store/postgres-connection.ts';
import { explainSchemaError } from '../store/postgres-errors.ts';
import { TickQueries } from '../store/tick-queries.ts';

const STATEMENT_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_CONNECTIONS = 4;
const LOG_SPACING_MS = 5_000;

/**
 * Read side of the store, for the HTTP API and the live side, over connections of its own: a request never waits for a
 * feed, nor a feed for a request. Each call answers within 6 s, or rejects with an error that names its remedy.
 */
export class StoredData implements ApiQueries, AsyncDisposable {
  readonly #config: Config;
  readonly #pool: Pool;
  readonly #ticks: TickQueries;
  #nextLogMs = 0;

  constructor(config: Config) {
    this.#config = config;
    this.#pool = createPostgresPool(config, {
      applicationName: 'tickgate-api',
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      maxConnections: MAX_CONNECTIONS,
    });
    this.#ticks = new TickQueries(this.#pool, config.ticksPrefix, config.barsTimeZone);
  }

  readonly symbols: ApiQueries['symbols'] = () => this.#read(this.#ticks.symbols());
  readonly lastTicks: ApiQueries['lastTicks'] = (symbols) => this.#read(this.#ticks.lastTicks(symbols));
  readonly barsSince = (minuteMicros: number): Promise<readonly MinuteBar[]> =>
    this.#read(this.#ticks.barsSince(minuteMicros));
  readonly bars: ApiQueries['bars'] = (query) => this.#read(this.#ticks.bars(query));
  readonly ticks: ApiQueries['ticks'] = (query) => this.#read(this.#ticks.ticks(query));
  readonly top: ApiQueries['top'] = (query) => this.#read(this.#ticks.top(query));
  readonly board: ApiQueries['board'] = (day) =>
    this.#read(readBoard(this.#pool, this.#config.ticksPrefix, this.#config.barsTimeZone, day));

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async #read<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof UsageError)) this.#log(error);
      throw explainSchemaError(error, this.#config, 'reading for the HTTP API');
    }
  }

  /** The client is told that the database cannot be read; why, is for the log, and not once for each request. */
  #log(error: unknown): void {
    const nowMs = Date.now();
    if (nowMs < this.#nextLogMs) return;
    this.#nextLogMs = nowMs + LOG_SPACING_MS;
    storeLogger.warn({ cause: describeError(error) }, 'a read for the HTTP API failed');
  }
}
