import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Redis } from 'ioredis';
import { type BufferKeys, bufferKeys } from '../buffer/keys.ts';
import { assertNoEviction, RedisLink } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisDatabase, redisOptions } from '../buffer/redis-options.ts';
import { StreamReader } from '../buffer/stream-reader.ts';
import type { Config } from '../config.ts';
import { describeError, StoreSchemaError } from '../errors.ts';
import type { CoordinatorObserver, CoordinatorState, CoordinatorStore } from '../flush/coordinator-ports.ts';
import { FlushCoordinator } from '../flush/flush-coordinator.ts';
import type { FlushBatch } from '../flush/batch-planner.ts';
import { WRITE_AHEAD_BYTES } from '../flush/flush-transaction.ts';
import { flushLogger, setLogLevel, storeLogger } from '../logger.ts';
import type { GatewayMetrics } from '../metrics/gateway-metrics.ts';
import { checkSchema, type SchemaCheck } from '../store/check-schema.ts';
import { FeedWatermarks } from '../store/feed-watermarks.ts';
import { connectPostgres, createPostgresPool } from '../store/postgres-connection.ts';
import { dropOldChunks } from '../store/retention.ts';
import { classifySqlState, sqlStateOf } from '../store/sql-state.ts';
import { TickChunks } from '../store/tick-chunks.ts';
import { upsertBars } from '../store/upsert-bars.ts';

const COMMAND_TIMEOUT_MS = 5_000;
const LOOKUP_TIMEOUT_MS = 10_000;
const RETENTION_EVERY_MS = 3_600_000;
/** Direct compress pays from about so many rows a symbol in a batch; below it row mode is faster and smaller. */
const DIRECT_COMPRESS_ROWS_A_SYMBOL = 20;

/** A flush coordinator with its connections: what `daemon` runs, and `serve` beside the gateway. */
export class Flusher implements AsyncDisposable {
  readonly coordinator: FlushCoordinator;
  readonly #config: Config;
  readonly #reader: RedisLink;
  readonly #requests: RedisLink;
  readonly #pool: Pool;
  readonly #store: TimescaleFlushStore;
  #retentionTimer: NodeJS.Timeout | undefined;

  constructor(config: Config, observer: CoordinatorObserver = {}) {
    this.#config = config;
    const keys = bufferKeys(config.ticksPrefix, redisDatabase(config));
    this.#reader = new RedisLink({
      redis: redisOptions(config, 'flush', COMMAND_TIMEOUT_MS),
      role: 'flush',
      address: describeRedisAddress(config),
      prepare: async (_client, facts) => assertNoEviction(facts),
    });
    this.#requests = new RedisLink({
      redis: redisOptions(config, 'flush-requests', undefined),
      role: 'flush requests',
      address: describeRedisAddress(config),
      prepare: (client) => this.#listen(client, keys),
    });
    this.#pool = createPostgresPool(config, {
      applicationName: 'tickgate-flush-rows',
      statementTimeoutMs: LOOKUP_TIMEOUT_MS,
      maxConnections: 2,
    });
    this.#store = new TimescaleFlushStore(config, this.#pool);
    this.coordinator = new FlushCoordinator(
      new StreamReader(this.#reader, keys),
      this.#store,
      {
        flushIntervalMs: config.flushIntervalMs,
        limits: { maxTicks: config.flushMaxTicks, maxDays: config.maxFrameDays },
        resumeWindow: { windowMs: config.resumeWindowMs, windowBytes: config.resumeWindowBytes },
      },
      observer,
    );
  }

  get state(): CoordinatorState {
    return this.coordinator.state;
  }

  /** How often its connections to Redis were lost. */
  get redisReconnects(): Readonly<Record<string, number>> {
    return { flush: this.#reader.reconnects, 'flush requests': this.#requests.reconnects };
  }

  /** What weakens the promise on the database's side, as the last connection found it. */
  get durabilityWarnings(): readonly string[] {
    return this.#store.durabilityWarnings;
  }

  /** Starts, and goes on trying for whatever is not there yet. */
  start(): void {
    setLogLevel(this.#config.logLevel);
    this.#reader.start();
    this.#requests.start();
    this.coordinator.start();
    if (this.#config.retentionDays > 0)
      this.#retentionTimer = setInterval(() => void this.#dropOld(), RETENTION_EVERY_MS);
  }

  /** Flushes everything once, for a command. @returns ticks stored; undefined when another coordinator leads */
  async flushAll(onLeading?: () => void): Promise<number | undefined> {
    await this.#reader.connect();
    return this.coordinator.flushAll(onLeading);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#retentionTimer);
    await this.coordinator.stop(this.#config.drainMs);
    await this.#requests.close();
    await this.#reader.close();
    await this.#pool.end();
  }

  async #listen(client: Redis, keys: BufferKeys): Promise<void> {
    client.on('message', () => this.coordinator.requestFlush());
    await client.subscribe(keys.requestChannel);
  }

  async #dropOld(): Promise<void> {
    try {
      const dropped = await dropOldChunks(this.#pool, this.#config, Date.now());
      if (dropped.length > 0) storeLogger.info({ chunks: dropped.length }, 'chunks past retention dropped');
    } catch (error) {
      storeLogger.error({ cause: describeError(error) }, 'retention failed');
    }
  }
}

/** The database as the coordinator uses it. */
class TimescaleFlushStore implements CoordinatorStore {
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

  async connect() {
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

  async copyTarget(client: Parameters<typeof upsertBars>[0], { columns }: FlushBatch): Promise<string> {
    const { fromMicros, toMicros } = columns.timeRange();
    return this.#chunks.tableFor(client, fromMicros, toMicros);
  }

  fallBackToHypertable(): boolean {
    return this.#chunks.fallBackToHypertable();
  }

  upsertBars(client: Parameters<typeof upsertBars>[0], barColumns: readonly Buffer[]) {
    return upsertBars(client, this.prefix, barColumns);
  }

  async readRows(feeds: readonly string[]) {
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

  classify(error: unknown) {
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

/** Logs flushes and counts them. */
export function flushObserver(metrics: GatewayMetrics): CoordinatorObserver {
  return {
    onFlush: (report) => {
      const { rows, rejected, flushMs } = report;
      flushLogger.debug({ rows, rejected, flushMs }, 'flushed');
      metrics.onFlush(report);
    },
    onFailure: metrics.onFailure,
    onInvalidated: metrics.onInvalidated,
  };
}
