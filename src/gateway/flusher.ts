import type { Pool } from 'pg';
import type { Redis } from 'ioredis';
import { DisposalStack } from '../base/disposal-stack.ts';
import { type BufferKeys, bufferKeys } from '../buffer/keys.ts';
import { assertNoEviction, RedisLink } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisDatabase, redisOptions } from '../buffer/redis-options.ts';
import { StreamReader } from '../buffer/stream-reader.ts';
import type { Config } from '../config.ts';
import { describeError } from '../errors.ts';
import type { CoordinatorObserver, CoordinatorState } from '../flush/coordinator-ports.ts';
import { FlushCoordinator } from '../flush/flush-coordinator.ts';
import { flushLogger, setLogLevel, storeLogger } from '../logger.ts';
import type { GatewayMetrics } from '../metrics/gateway-metrics.ts';
import { createPostgresPool } from '../store/postgres-connection.ts';
import { dropOldChunks } from '../store/retention.ts';
import { TimescaleFlushStore } from './flush-store.ts';

const COMMAND_TIMEOUT_MS = 5_000;
const LOOKUP_TIMEOUT_MS = 10_000;
const RETENTION_EVERY_MS = 3_600_000;

/**
 * A flush coordinator with its connections: `tickgate daemon` runs it alone, `serve` beside the gateway.
 * @example await using flusher = new Flusher(loadConfig(process.env)); flusher.start();
 */
export class Flusher implements AsyncDisposable {
  readonly coordinator: FlushCoordinator;
  readonly #config: Config;
  readonly #reader: RedisLink;
  readonly #requests: RedisLink;
  readonly #pool: Pool;
  readonly #store: TimescaleFlushStore;
  readonly #parts = new DisposalStack();

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
    this.#parts.defer(() => this.#pool.end());
    this.#parts.defer(() => this.#reader.close());
    this.#parts.defer(() => this.#requests.close());
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
    this.#parts.defer(() => this.coordinator.stop(config.drainMs));
  }

  get state(): CoordinatorState {
    return this.coordinator.state;
  }

  /** How often its connections to Redis were lost. */
  get redisReconnects(): Readonly<Record<string, number>> {
    return { flush: this.#reader.reconnects, 'flush requests': this.#requests.reconnects };
  }

  /** Weak points of durability on the database's side, as the last connection found it. */
  get durabilityWarnings(): readonly string[] {
    return this.#store.durabilityWarnings;
  }

  /** Starts in the background: a server that is away is tried again until it comes. */
  start(): void {
    setLogLevel(this.#config.logLevel);
    this.#reader.start();
    this.#requests.start();
    this.coordinator.start();
    if (this.#config.retentionDays === 0) return;
    const timer = setInterval(() => void this.#dropOld(), RETENTION_EVERY_MS);
    this.#parts.defer(() => clearInterval(timer));
  }

  /** Flushes everything once, for a command. @returns ticks stored; undefined when another coordinator leads */
  async flushAll(onLeading?: () => void): Promise<number | undefined> {
    await this.#reader.connect();
    return this.coordinator.flushAll(onLeading);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
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
