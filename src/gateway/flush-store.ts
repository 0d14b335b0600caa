import { createHash } from 'node:crypto';
import type { Client, Pool } from 'pg';
import type { Config } from '../config.ts';
import { describeError, StoreSchemaError } from '../errors.ts';
import type { FlushBatch } from '../flush/batch-planner.ts';
import type { CoordinatorStore } from '../flush/coordinator-ports.ts';
import { WRITE_AHEAD_BYTES } from '../flush/flush-transaction.ts';
import { storeLogger } from '../logger.ts';
import { checkSchema, type SchemaCheck } from '../store/check-schema.ts';
import { FeedWatermarks } from '../store/feed-watermarks.ts';
import { connectPostgres } from '../store/postgres-connection.ts';
import { classifySqlState, sqlStateOf, type SqlStateClass } from '../store/sql-state.ts';
import { TickChunks } from '../store/tick-chunks.ts';
import { upsertBars } from '../store/upsert-bars.ts';

/** Direct compress pays from about so many rows a symbol in a batch; below it row mode is faster and smaller. */
const DIRECT_COMPRESS_ROWS_A_SYMBOL = 20;

/** Store adapter of the flush coordinator: its ports, on TimescaleDB. */
export class TimescaleFlushStore implements CoordinatorStore {
  readonly prefix: string;
  readonly lockKey: readonly [number, number];
  readonly #config: Config;
  readonly #pool: Pool;
  readonly #watermarks: FeedWatermarks;
  #schema: SchemaCheck | undefined;
  #chunks: TickChunks;

  constructor(config: Config, pool: Pool) {
    this.#config = config;
    this.prefix = config.ticksPrefix;
    this.#pool = pool;
    this.#watermarks = new FeedWatermarks(pool, config.ticksPrefix);
    this.#chunks = new TickChunks(config.ticksPrefix);
    const hash = createHash('sha256').update(`tickgate:${config.ticksPrefix}`).digest();
    this.lockKey = [hash.readInt32BE(0), hash.readInt32BE(4)];
  }

  get durabilityWarnings(): readonly string[] {
    return this.#schema?.durabilityWarnings ?? [];
  }

  async connect(): Promise<Client> {
    const client = await connectPostgres(this.#config, {
      applicationName: 'tickgate-flush',
      writeAheadBytes: WRITE_AHEAD_BYTES,
    });
    try {
      const schema = await checkSchema(client, this.#config);
      for (const warning of schema.durabilityWarnings)
        if (!this.durabilityWarnings.includes(warning)) storeLogger.warn(warning);
      this.#schema = schema;
      this.#chunks = new TickChunks(this.prefix);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  settingsFor(batch: FlushBatch): string {
    const settings: string[] = [];
    if (this.#schema?.mustRaiseSynchronousCommit === true) settings.push('SET LOCAL synchronous_commit = on;');
    const { length, symbolTable } = batch.columns;
    const isDense = length >= DIRECT_COMPRESS_ROWS_A_SYMBOL * Math.max(1, symbolTable.names.length);
    if (this.#schema?.hasDirectCompress === true && isDense)
      settings.push('SET LOCAL timescaledb.enable_direct_compress_copy = on;');
    return settings.join(' ');
  }

  async copyTarget(client: Client, { columns }: FlushBatch): Promise<string> {
    const { fromMicros, toMicros } = columns.timeRange();
    return this.#chunks.tableFor(client, fromMicros, toMicros);
  }

  fallBackToHypertable(): boolean {
    return this.#chunks.fallBackToHypertable();
  }

  upsertBars(client: Client, barColumns: readonly Buffer[]): Promise<readonly Buffer[]> {
    return upsertBars(client, this.prefix, barColumns);
  }

  async readRows(feeds: readonly string[]): ReturnType<CoordinatorStore['readRows']> {
    return feeds.length === 0 ? new Map() : this.#watermarks.read(feeds);
  }

  async progressOfWaiting(backend: number): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ waits: boolean | null; progress: string }>(
      `SELECT wait_event_type = 'Client' AS waits, concat_ws(' ', state_change, xact_start, bytes_processed) AS progress
       FROM pg_stat_activity LEFT JOIN pg_stat_progress_copy USING (pid) WHERE pid = $1`,
      [backend],
    );
    const row = rows[0];
    if (row === undefined) return 'gone';
    return row.waits === true ? row.progress : undefined;
  }

  async deleteSpentFeeds(): Promise<string[]> {
    const { rows } = await this.#pool.query<{ feed: string }>(
      `DELETE FROM ${this.prefix}_feed_watermarks WHERE feed LIKE '~%' AND seq > 0 AND updated_at < now() - interval '1 hour' RETURNING feed`,
    );
    return rows.map((row) => row.feed);
  }

  classify(error: unknown): SqlStateClass {
    return error instanceof StoreSchemaError ? 'schema-drift' : classifySqlState(error);
  }

  describeRefusal(error: unknown): string {
    const state = sqlStateOf(error) ?? '';
    const constraint =
      typeof error === 'object' && error !== null && 'constraint' in error ? String(error.constraint) : '';
    return [
      state,
      constraint === 'undefined' ? '' : constraint,
      state === '' || state.startsWith('42') ? describeError(error) : '',
    ]
      .filter((part) => part !== '')
      .join(' ');
  }
}
