import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { WebSocket } from 'ws';
import { type BufferKeys, bufferKeys } from '../buffer/keys.ts';
import { assertNoEviction, RedisLink, type RedisServerFacts } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisDatabase, redisOptions } from '../buffer/redis-options.ts';
import { TickBuffer } from '../buffer/tick-buffer.ts';
import { readWaitingTicks } from '../buffer/waiting-ticks.ts';
import type { Config } from '../config.ts';
import { describeError, UsageError } from '../errors.ts';
import { Flusher, flushObserver } from './flusher.ts';
import { GatewayHttp } from './http-side.ts';
import { GatewayLive } from './live-side.ts';
import { AccessTokens, type Principal } from '../http/access-tokens.ts';
import { isLoopback } from '../http/client-address.ts';
import { type Admission, ConnectionLimits } from '../http/connection-limits.ts';
import { addHealthRoutes, type DependencyHealth, type Readiness } from '../http/health-routes.ts';
import { createHttpServer } from '../http/http-server.ts';
import { SocketKeeper } from '../http/socket-keeper.ts';
import { type SocketEndpoint, UpgradeRouter } from '../http/upgrade-router.ts';
import { FeedConnection, type FeedEndpoint } from '../ingest/feed-connection.ts';
import { FeedRegistry } from '../ingest/feed-registry.ts';
import { InternalFeed } from '../ingest/internal-feed.ts';
import { FeedOpener } from '../ingest/feed-opener.ts';
import { TokenFeeds } from '../ingest/token-feeds.ts';
import { gatewayLogger, setLogLevel } from '../logger.ts';
import { GatewayMetrics } from '../metrics/gateway-metrics.ts';
import { CloseCode } from '../protocol/close-codes.ts';
import { decodeFlushNotice } from '../stream/flush-notice.ts';
import type { CodecName } from '../protocol/version.ts';
import { StoredData } from './stored-data.ts';
import { FeedWatermarks } from '../store/feed-watermarks.ts';
import { createPostgresPool } from '../store/postgres-connection.ts';

export interface Gateway extends AsyncDisposable {
  /** Where it listens, as `http://host:port`. */
  readonly url: string;
  readonly port: number;
  readiness(): Readiness;
  /** Drains and ends: no new sockets, what was taken is answered, a last flush, the last acknowledgements, close. */
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 5_000;
const ROW_TIMEOUT_MS = 3_000;
const CLOSE_WAIT_MS = 1_000;
const LAST_FLUSH_MS = 300;
/** The gateway's own feed, for frames without a number, stands in the registry beside those of connections. */
const INTERNAL_FEEDS = 1;

/**
 * Starts a gateway: feeds in, ticks into Redis, acknowledgements back; with a flush coordinator beside it unless
 * `flushEnabled` is off. Redis and TimescaleDB may come later: until then `/readyz` says what is missing.
 * @throws {UsageError} for settings that would be unsafe, or a port that is taken
 */
export async function startGateway(config: Config): Promise<Gateway> {
  setLogLevel(config.logLevel);
  const tokens = new AccessTokens(config.gatewayTokensFile);
  refuseOpenDoor(config, tokens);
  const gateway = new RunningGateway(config, tokens);
  try {
    await gateway.listen();
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #config: Config;
  readonly #tokens: AccessTokens;
  readonly #keys: BufferKeys;
  readonly #links: { readonly write: RedisLink; readonly subscribe: RedisLink };
  readonly #pool: Pool;
  readonly #registry: FeedRegistry;
  readonly #internalFeed: InternalFeed;
  readonly #keeper: SocketKeeper;
  readonly #router: UpgradeRouter;
  readonly #app: ReturnType<typeof createHttpServer>;
  readonly #http: GatewayHttp;
  readonly #live: GatewayLive;
  readonly #stored: StoredData;
  readonly #flusher: Flusher | undefined;
  readonly #feedEndpoint: FeedEndpoint;
  readonly #metrics = new GatewayMetrics();
  #redisFacts: RedisServerFacts | undefined;
  #isDatabaseUp = false;
  #databaseTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(config: Config, tokens: AccessTokens) {
    this.#config = config;
    this.#tokens = tokens;
    this.#keys = bufferKeys(config.ticksPrefix, redisDatabase(config));
    this.#links = { write: this.#writeLink(), subscribe: this.#subscribeLink() };
    this.#pool = createPostgresPool(config, {
      applicationName: 'tickgate-gateway',
      statementTimeoutMs: ROW_TIMEOUT_MS,
    });
    const buffer = new TickBuffer({
      link: this.#links.write,
      keys: this.#keys,
      bufferMaxTicks: config.bufferMaxTicks,
      takeoverIntervalMs: config.takeoverIntervalMs,
    });
    const rows = new FeedWatermarks(this.#pool, config.ticksPrefix);
    const { write } = this.#links;
    this.#registry = new FeedRegistry({
      get run() {
        return write.facts.run;
      },
      feedStates: (feeds) => buffer.feedStates(feeds),
      readRows: (feeds) => rows.read(feeds),
    });
    const opener = new FeedOpener(buffer, rows);
    const limits = { windowFrames: config.windowFrames, windowTicks: config.windowTicks };
    const observer = this.#metrics;
    this.#internalFeed = new InternalFeed({ prefix: '~gw', opener, buffer, limits, observer });
    this.#registry.add(this.#internalFeed);
    this.#feedEndpoint = {
      options: {
        ...limits,
        maxFrameBytes: config.maxFeedMessageBytes,
        maxFrameTicks: config.maxFrameTicks,
        maxFrameDays: config.maxFrameDays,
        rateFrames: config.feedRateFrames,
        queueBytes: config.feedQueueBytes,
      },
      buffer,
      opener,
      registry: this.#registry,
      internalFeed: this.#internalFeed,
      tokenFeeds: new TokenFeeds(tokens.isOpen ? Number.POSITIVE_INFINITY : config.maxFeedsPerToken),
      observer,
      authenticate: (token) => tokens.principalOf(token),
    };
    this.#keeper = new SocketKeeper({
      authDeadlineMs: config.authDeadlineMs,
      pingIntervalMs: config.pingIntervalMs,
      maxControlFrames: config.maxControlFrames,
      tokens,
    });
    const allowedOrigins = new Set(config.allowedOrigins.split(/[\s,]+/).filter((origin) => origin !== ''));
    this.#stored = new StoredData(config);
    this.#live = new GatewayLive(config, {
      keys: this.#keys,
      tokens,
      keeper: this.#keeper,
      prices: this.#stored,
      observer: this.#metrics,
    });
    // What was flushed while notices could not come is read again.
    this.#links.subscribe.onUp(() => this.#live.hub.onFlushesMissed());
    this.#router = new UpgradeRouter({
      endpoints: [this.#feedSocketEndpoint(), this.#live.socketEndpoint()],
      tokens,
      limits: new ConnectionLimits(config.maxConnections, config.maxUnauthenticatedPerAddress),
      trustProxy: config.trustProxy,
      allowedOrigins,
      maxFragments: config.maxFragments,
    });
    this.#app = createHttpServer(config);
    addHealthRoutes(this.#app, () => this.readiness());
    this.#http = new GatewayHttp(this.#app, config, {
      tokens,
      metrics: this.#metrics,
      stored: this.#stored,
      allowedOrigins,
    });
    this.#router.attach(this.#app.server);
    this.#flusher = config.flushEnabled ? new Flusher(config, flushObserver(this.#metrics)) : undefined;
    this.#watchForMetrics();
  }

  get port(): number {
    const address = this.#app.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#config.gatewayPort;
  }

  get url(): string {
    const host = this.#config.gatewayHost.includes(':') ? `[${this.#config.gatewayHost}]` : this.#config.gatewayHost;
    return `${this.#config.tlsCert === undefined ? 'http' : 'https'}://${host}:${this.port}`;
  }

  async listen(): Promise<void> {
    this.#links.write.start();
    this.#links.subscribe.start();
    this.#registry.start();
    this.#keeper.start();
    this.#live.start();
    this.#flusher?.start();
    await this.#checkDatabase();
    this.#databaseTimer = setInterval(() => void this.#checkDatabase(), 1_000);
    await this.#http.listen();
    try {
      await this.#app.listen({ host: this.#config.gatewayHost, port: this.#config.gatewayPort });
    } catch (cause) {
      throw new UsageError(
        `cannot listen on ${this.#config.gatewayHost}:${this.#config.gatewayPort}: ${describeError(cause)}`,
        {
          remedy: 'choose another GATEWAY_PORT or GATEWAY_HOST, or stop what listens there',
          cause,
        },
      );
    }
    gatewayLogger.info(
      { url: this.url, open: this.#tokens.isOpen, flush: this.#config.flushEnabled },
      'gateway listens',
    );
  }

  readiness(): Readiness {
    const dependencies: Record<string, DependencyHealth> = {
      redis: this.#links.write.isUp
        ? { ok: true, detail: `Redis ${this.#redisFacts?.version ?? ''} at ${describeRedisAddress(this.#config)}` }
        : { ok: false, detail: describeError(this.#links.write.lastError ?? 'connecting') },
      timescaledb: {
        ok: this.#isDatabaseUp,
        detail: this.#isDatabaseUp ? 'answers' : 'does not answer; open feeds go on into the buffer',
      },
    };
    const state = this.#flusher?.state;
    if (state !== undefined) {
      dependencies['flush'] = {
        ok: !('why' in state),
        detail: 'why' in state ? `${state.doing}: ${state.why}` : state.doing,
      };
    }
    const durabilityWarnings = [...(this.#flusher?.durabilityWarnings ?? [])];
    if (this.#redisFacts?.appendOnly === false) {
      durabilityWarnings.push(
        'Redis keeps no append-only file: after its restart feeds send again what was not committed',
      );
    }
    return { dependencies, durabilityWarnings };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** In reverse of the flow's start: stop reading, answer, flush, last acknowledgements, close. */
  async #close(): Promise<void> {
    const deadlineMs = Date.now() + this.#config.drainMs;
    clearInterval(this.#databaseTimer);
    this.#router.drain();
    await within(this.#keeper.drain(CLOSE_WAIT_MS), deadlineMs - Date.now());
    if (this.#flusher === undefined) await this.#flushElsewhere();
    await this.#flusher?.[Symbol.asyncDispose]();
    await this.#registry.reconcile();
    await this.#keeper.closeAll(CloseCode.shutdown, 'shutdown', CLOSE_WAIT_MS);
    this.#keeper[Symbol.dispose]();
    await this.#app.close();
    await this.#live[Symbol.asyncDispose]();
    await this.#http[Symbol.asyncDispose]();
    await this.#stored[Symbol.asyncDispose]();
    await this.#internalFeed[Symbol.asyncDispose]();
    this.#registry[Symbol.dispose]();
    await this.#links.subscribe.close();
    await this.#links.write.close();
    await this.#pool.end();
    this.#tokens[Symbol.dispose]();
  }

  /** With the coordinator in another process: asks for a flush, and gives its acknowledgements a moment. */
  async #flushElsewhere(): Promise<void> {
    await this.#feedEndpoint.buffer.requestFlush().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, LAST_FLUSH_MS));
  }

  #watchForMetrics(): void {
    this.#metrics.watch({
      connections: () => this.#keeper.size,
      feeds: () => this.#registry.size - INTERNAL_FEEDS,
      subscribers: () => this.#live.hub.subscribers,
      sendQueueBytes: () => this.#live.hub.waitingBytes,
      redisReconnects: () => ({
        write: this.#links.write.reconnects,
        subscribe: this.#links.subscribe.reconnects,
        ...this.#live.reconnects,
        ...this.#flusher?.redisReconnects,
      }),
      dependencies: () =>
        Object.fromEntries(Object.entries(this.readiness().dependencies).map(([name, { ok }]) => [name, ok])),
      buffer: () => readWaitingTicks(this.#links.write, this.#keys),
    });
  }

  #writeLink(): RedisLink {
    return new RedisLink({
      redis: redisOptions(this.#config, 'write', COMMAND_TIMEOUT_MS),
      role: 'write',
      address: describeRedisAddress(this.#config),
      prepare: async (_client, facts) => {
        assertNoEviction(facts);
        this.#redisFacts = facts;
      },
    });
  }

  #subscribeLink(): RedisLink {
    return new RedisLink({
      redis: redisOptions(this.#config, 'subscribe', undefined),
      role: 'subscribe',
      address: describeRedisAddress(this.#config),
      prepare: (client) => this.#subscribe(client),
    });
  }

  async #subscribe(client: Redis): Promise<void> {
    client.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      if (channel.toString() === this.#keys.flushedChannel) this.#onFlushed(message);
    });
    await client.subscribe(this.#keys.flushedChannel);
  }

  #onFlushed(message: Buffer): void {
    try {
      const notice = decodeFlushNotice(message);
      this.#registry.onFlushed(notice.feeds);
      this.#live.hub.onFlushNotice(notice);
    } catch (error) {
      gatewayLogger.error({ cause: describeError(error) }, 'a flush notice cannot be read');
    }
  }

  async #checkDatabase(): Promise<void> {
    this.#isDatabaseUp = await this.#pool.query('SELECT 1').then(
      () => true,
      () => false,
    );
  }

  #feedSocketEndpoint(): SocketEndpoint {
    return {
      path: '/v1/feed',
      defaultCodec: 'msgpack',
      maxMessageBytes: this.#config.maxFeedMessageBytes,
      allowsBrowsers: false,
      mayConnect: (principal) => principal.mayFeed(),
      accept: (socket: WebSocket, codec: CodecName, principal: Principal | undefined, admission: Admission) => {
        this.#keeper.keep(socket, new FeedConnection(this.#feedEndpoint, socket, codec, principal), admission);
      },
    };
  }
}

/** Without tokens anybody who reaches the gateway may publish: so only this machine may reach it. */
function refuseOpenDoor(config: Config, tokens: AccessTokens): void {
  if (!tokens.isOpen || config.gatewayHost === 'localhost' || isLoopback(config.gatewayHost)) return;
  throw new UsageError(`GATEWAY_HOST is ${config.gatewayHost} and there are no tokens: anybody could publish`, {
    remedy: 'set GATEWAY_TOKENS_FILE (tickgate token makes its rows), or listen on 127.0.0.1',
  });
}

async function within(work: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, Math.max(0, limitMs))))]);
  clearTimeout(timer);
}
