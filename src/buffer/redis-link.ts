import { Redis } from 'ioredis';
import { describeError, RedisUnavailableError, RedisUnsafeError, TickgateError } from '../errors.ts';
import { bufferLogger } from '../logger.ts';
import type { RedisClientOptions } from './redis-options.ts';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;
/** Liveness by PING: a path can die without telling either side, and TCP would notice after a quarter of an hour. */
const LIFE_CHECK_MS = 1_000;
const LIFE_LIMIT_MS = 5_000;
const PREPARE_LIMIT_MS = 10_000;

/** Facts of a Redis server, by its INFO: read on each connection after connecting. */
export interface RedisServerFacts {
  /** Changes with every start of the server: a feed's state belongs to one run. */
  readonly run: string;
  readonly version: string;
  readonly maxmemoryPolicy: string;
  readonly appendOnly: boolean;
}

export interface RedisLinkOptions {
  readonly redis: RedisClientOptions;
  /** Purpose of this connection, for log lines. */
  readonly role: string;
  /** Address without secrets. */
  readonly address: string;
  /** Runs on every new connection before it counts as up (subscribe, say). */
  readonly prepare?: (client: Redis, facts: RedisServerFacts) => Promise<void>;
}

/**
 * One connection to Redis that is replaced when it is lost. A lost client is ended for good, so everything in flight
 * on it rejects and nothing is ever sent twice; the new one has read its server's run id before it is used.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  #client: Redis | undefined;
  #facts: RedisServerFacts | undefined;
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #lastError: Error | undefined;
  readonly #upListeners = new Set<() => void>();
  readonly #downListeners = new Set<() => void>();
  #reconnects = 0;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
  }

  /**
   * Connects, once. @throws {RedisUnavailableError} {RedisUnsafeError}
   */
  async connect(): Promise<void> {
    await this.#attempt();
  }

  /** Connects and goes on trying in the background; `isUp` tells. */
  start(): void {
    void this.#attempt().catch((error: unknown) => this.#retryLater(error));
  }

  get isUp(): boolean {
    return this.#client !== undefined;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  /** Why it is down, for /readyz. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** @throws {RedisUnavailableError} while the connection is down */
  get client(): Redis {
    if (this.#client === undefined) throw this.#unavailable(this.#lastError);
    return this.#client;
  }

  /** @throws {RedisUnavailableError} while the connection is down */
  get facts(): RedisServerFacts {
    if (this.#facts === undefined || this.#client === undefined) throw this.#unavailable(this.#lastError);
    return this.#facts;
  }

  onUp(listener: () => void): void {
    this.#upListeners.add(listener);
  }

  onDown(listener: () => void): void {
    this.#downListeners.add(listener);
  }

  /** Ends the present connection, after a reply that did not come: later replies on it could not be trusted. */
  drop(): void {
    this.#client?.disconnect();
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.disconnect();
    this.#client = undefined;
    return Promise.resolve();
  }

  async #attempt(): Promise<void> {
    const client = new Redis(this.#options.redis);
    let socketError: Error | undefined;
    client.on('error', (error: Error) => (socketError = error));
    let facts: RedisServerFacts;
    const limit = setTimeout(() => client.disconnect(), PREPARE_LIMIT_MS);
    try {
      await client.connect();
      facts = await readServerFacts(client);
      await this.#options.prepare?.(client, facts);
    } catch (error) {
      client.disconnect();
      throw error instanceof TickgateError ? error : this.#unavailable(socketError ?? error);
    } finally {
      clearTimeout(limit);
    }
    if (this.#closed) {
      client.disconnect();
      return;
    }
    this.#client = client;
    this.#facts = facts;
    this.#retryMs = FIRST_RETRY_MS;
    this.#lastError = undefined;
    const stopChecking = dropWhenSilent(client);
    client.once('end', () => {
      stopChecking();
      this.#onEnd(client, socketError);
    });
    bufferLogger.debug({ role: this.#options.role, run: facts.run }, 'redis connection up');
    for (const listener of this.#upListeners) listener();
  }

  #onEnd(client: Redis, error: Error | undefined): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#reconnects += 1;
    if (this.#closed) return;
    for (const listener of this.#downListeners) listener();
    this.#retryLater(this.#unavailable(error ?? new Error('connection lost')));
  }

  #retryLater(error: unknown): void {
    if (this.#closed) return;
    this.#lastError = error instanceof Error ? error : new Error(String(error));
    const level = error instanceof RedisUnsafeError ? 'error' : 'warn';
    bufferLogger[level](
      { role: this.#options.role, cause: describeError(error) },
      'redis connection down, trying again',
    );
    const waitMs = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    this.#timer = setTimeout(() => this.start(), waitMs);
  }

  #unavailable(cause: unknown): RedisUnavailableError {
    const detail = cause === undefined ? '' : `: ${describeError(cause)}`;
    return new RedisUnavailableError(`Redis at ${this.#options.address} cannot be used${detail}`, {
      remedy:
        'check that Redis runs there (redis-cli ping), and REDIS_HOST, REDIS_PORT, REDIS_PASSWORD; for development: tickgate stack up',
      cause,
    });
  }
}

/** Ends a client whose server does not answer a PING. @returns ends the checking */
function dropWhenSilent(client: Redis): () => void {
  let limit: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if (limit !== undefined) return;
    limit = setTimeout(() => client.disconnect(), LIFE_LIMIT_MS);
    const answered = (): void => {
      clearTimeout(limit);
      limit = undefined;
    };
    // An error is an answer too, unless it is the time-out of none.
    client.ping().then(answered, (error: unknown) => {
      if (error instanceof Error && /timed out/i.test(error.message)) client.disconnect();
      answered();
    });
  }, LIFE_CHECK_MS);
  return () => {
    clearInterval(timer);
    clearTimeout(limit);
  };
}

async function readServerFacts(client: Redis): Promise<RedisServerFacts> {
  const info = await client.info();
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const facts = {
    run: field('run_id'),
    version: field('redis_version'),
    maxmemoryPolicy: field('maxmemory_policy'),
    appendOnly: field('aof_enabled') === '1',
  };
  if (facts.run === '')
    throw new RedisUnsafeError('Redis does not tell its run id', { remedy: 'allow the command INFO to this user' });
  return facts;
}

/** @throws {RedisUnsafeError} where Redis may throw buffered ticks away by itself */
export function assertNoEviction(facts: RedisServerFacts): void {
  if (facts.maxmemoryPolicy === 'noeviction') return;
  throw new RedisUnsafeError(
    `Redis has maxmemory-policy ${facts.maxmemoryPolicy}: it may evict ticks that nobody has stored`,
    {
      remedy: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
    },
  );
}
