import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { withDeadline } from '../base/deadline.ts';
import { DisposalStack } from '../base/disposal-stack.ts';
import { type BufferKeys, bufferKeys } from '../buffer/keys.ts';
import { assertNoEviction, RedisLink, type RedisServerFacts } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisDatabase, redisOptions } from '../buffer/redis-options.ts';
import { readWaitingTicks } from '../buffer/waiting-ticks.ts';
import type { Config } from '../config.ts';
import { describeError, UsageError } from '../errors.ts';
import { AccessTokens } from '../http/access-tokens.ts';
import { accessOptions } from '../http/tokens/access-settings.ts';
import { AuthFailures } from '../http/auth-failures.ts';
import { isLoopbackName } from '../http/client-address.ts';
import { ConnectionLimits } from '../http/connection-limits.ts';
import { addHealthRoutes, type DependencyHealth, type Readiness } from '../http/health-routes.ts';
import { createHttpServer } from '../http/http-server.ts';
import { SocketKeeper } from '../http/socket-keeper.ts';
import { UpgradeRouter } from '../http/upgrade-router.ts';
import { gatewayLogger, setLogLevel } from '../logger.ts';
import { GatewayMetrics } from '../metrics/gateway-metrics.ts';
import { CloseCode } from '../protocol/close-codes.ts';
import { createPostgresPool } from '../store/postgres-connection.ts';
import { DatabaseProbe } from './database-probe.ts';
import { FeedSide } from './feed-side.ts';
import { FlushNotices } from './flush-notices.ts';
import { Flusher, flushObserver } from './flusher.ts';
import { HttpSide } from './http-side.ts';
import { LiveSide } from './live-side.ts';
import { StoredData } from './stored-data.ts';

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  /** Where it listens, as `http://host:port`. */
  readonly url: string;
  readonly port: number;
  readiness(): Readiness;
  /** Drains and ends: no new sockets, answers to all that was taken, a last flush, the last acknowledgements, close. */
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 5_000;
const ROW_TIMEOUT_MS = 3_000;
const CLOSE_WAIT_MS = 1_000;
const LAST_FLUSH_MS = 300;

/**
 * Starts a gateway: feeds in, ticks into Redis, acknowledgements back; with a flush coordinator beside it unless
 * `flushEnabled` is off. Redis and TimescaleDB may come later: until then `/readyz` names the missing one.
 * @throws {UsageError} for settings that would be unsafe, or a port that is taken
 * @example await using gateway = await startGateway(loadConfig(process.env)); console.log(gateway.url);
 */
export async function startGateway(config: Config): Promise<Gateway> {
  setLogLevel(config.logLevel);
  const tokens = new AccessTokens(config.gatewayTokensFile, accessOptions(config));
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

/** Wiring of the sides and their shared parts, made in the order in which they rest on each other. */
class RunningGateway implements Gateway {
  readonly #config: Config;
  readonly #tokens: AccessTokens;
  readonly #keys: BufferKeys;
  readonly #write: RedisLink;
  readonly #notices: FlushNotices;
  readonly #pool: Pool;
  readonly #database: DatabaseProbe;
  readonly #keeper: SocketKeeper;
  readonly #router: UpgradeRouter;
  readonly #app: FastifyInstance;
  readonly #feeds: FeedSide;
  readonly #live: LiveSide;
  readonly #http: HttpSide;
  readonly #flusher: Flusher | undefined;
  readonly #metrics = new GatewayMetrics();
  /** Each part as it is made, then the steps of the drain: closing takes them in reverse. */
  readonly #parts = new DisposalStack();
  #redisFacts: RedisServerFacts | undefined;

  constructor(config: Config, tokens: AccessTokens) {
    this.#config = config;
    this.#tokens = this.#parts.use(tokens);
    this.#keys = bufferKeys(config.ticksPrefix, redisDatabase(config));
    this.#pool = createPostgresPool(config, {
      applicationName: 'tickgate-gateway',
      statementTimeoutMs: ROW_TIMEOUT_MS,
    });
    this.#parts.defer(() => this.#pool.end());
    this.#write = this.#writeLink();
    this.#parts.defer(() => this.#write.close());
    this.#notices = this.#parts.use(
      new FlushNotices(config, this.#keys, {
        onNotice: (notice) => {
          this.#feeds.onFlushed(notice);
          this.#live.hub.onFlushNotice(notice);
        },
        // Flushes of the time without notices are read again.
        onUp: () => this.#live.hub.onFlushesMissed(),
      }),
    );
    const { onFailure: onAuthFailed } = new AuthFailures(this.#metrics);
    this.#keeper = new SocketKeeper({
      authDeadlineMs: config.authDeadlineMs,
      pingIntervalMs: config.pingIntervalMs,
      maxControlFrames: config.maxControlFrames,
      maxAuthMessageBytes: config.maxAuthMessageBytes,
      tokens,
      onAuthFailed,
    });
    const shared = { keys: this.#keys, tokens, keeper: this.#keeper, observer: this.#metrics };
    this.#feeds = this.#parts.use(new FeedSide(config, { ...shared, link: this.#write, pool: this.#pool }));
    const stored = this.#parts.use(new StoredData(config));
    this.#live = this.#parts.use(new LiveSide(config, { ...shared, prices: stored }));
    this.#app = createHttpServer(config);
    this.#parts.defer(() => this.#app.close());
    addHealthRoutes(this.#app, () => this.readiness(), tokens);
    const allowedOrigins = new Set(config.allowedOrigins.split(/[\s,]+/).filter((origin) => origin !== ''));
    this.#http = this.#parts.use(
      new HttpSide(this.#app, config, { tokens, metrics: this.#metrics, stored, allowedOrigins, onAuthFailed }),
    );
    this.#router = new UpgradeRouter({
      endpoints: [this.#feeds.socketEndpoint(), this.#live.socketEndpoint()],
      tokens,
      limits: new ConnectionLimits(config),
      trustProxy: config.trustProxy,
      allowedOrigins,
      maxFragments: config.maxFragments,
      maxAuthMessageBytes: config.maxAuthMessageBytes,
      onAuthFailed,
    });
    this.#router.attach(this.#app.server);
    this.#flusher = config.flushEnabled ? new Flusher(config, flushObserver(this.#metrics)) : undefined;
    this.#database = new DatabaseProbe(() => this.#pool.query('SELECT 1'));
    this.#watchForMetrics();
    this.#addDrain();
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
    this.#write.start();
    this.#notices.start();
    this.#feeds.start();
    this.#keeper.start();
    this.#live.start();
    this.#flusher?.start();
    await this.#database.start();
    await this.#http.listen();
    const { gatewayHost: host, gatewayPort: port } = this.#config;
    try {
      await this.#app.listen({ host, port });
    } catch (cause) {
      throw new UsageError(`cannot listen on ${host}:${port}: ${describeError(cause)}`, {
        remedy: 'choose another GATEWAY_PORT or GATEWAY_HOST, or stop what listens there',
        cause,
      });
    }
    gatewayLogger.info(
      { url: this.url, open: this.#tokens.isOpen, flush: this.#config.flushEnabled },
      'gateway listens',
    );
  }

  readiness(): Readiness {
    const dependencies: Record<string, DependencyHealth> = {
      redis: this.#write.isUp
        ? { ok: true, detail: `Redis ${this.#redisFacts?.version ?? ''} at ${describeRedisAddress(this.#config)}` }
        : { ok: false, detail: describeError(this.#write.lastError ?? 'connecting') },
      timescaledb: {
        ok: this.#database.isUp,
        detail: this.#database.isUp ? 'answers' : 'does not answer; open feeds go on into the buffer',
      },
    };
    Object.assign(dependencies, this.#tokens.health);
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
    return this.#parts.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Steps of the drain, the last one first: close, last acknowledgements, flush, answer, stop reading. */
  #addDrain(): void {
    this.#parts.defer(() => this.#closeSockets());
    this.#parts.defer(() => this.#feeds.reconcile());
    if (this.#flusher === undefined) this.#parts.defer(() => this.#flushElsewhere());
    else this.#parts.use(this.#flusher);
    this.#parts.defer(() => withDeadline(this.#keeper.drain(CLOSE_WAIT_MS), this.#config.drainMs));
    this.#parts.defer(() => this.#router.drain());
    this.#parts.use(this.#database);
  }

  async #closeSockets(): Promise<void> {
    try {
      await this.#keeper.closeAll(CloseCode.shutdown, 'shutdown', CLOSE_WAIT_MS);
    } finally {
      this.#keeper[Symbol.dispose]();
    }
  }

  /** With the coordinator in another process: asks for a flush, and gives its acknowledgements a moment. */
  async #flushElsewhere(): Promise<void> {
    await this.#feeds.requestFlush();
    await new Promise((resolve) => setTimeout(resolve, LAST_FLUSH_MS));
  }

  #watchForMetrics(): void {
    this.#metrics.watch({
      connections: () => this.#keeper.size,
      feeds: () => this.#feeds.openFeeds,
      subscribers: () => this.#live.hub.subscribers,
      sendQueueBytes: () => this.#live.hub.waitingBytes,
      redisReconnects: () => ({
        write: this.#write.reconnects,
        subscribe: this.#notices.reconnects,
        ...this.#live.reconnects,
        ...this.#flusher?.redisReconnects,
      }),
      dependencies: () =>
        Object.fromEntries(Object.entries(this.readiness().dependencies).map(([name, { ok }]) => [name, ok])),
      refusedTokens: () => (this.#tokens.isOpen ? undefined : this.#tokens.refused.length),
      buffer: () => readWaitingTicks(this.#write, this.#keys),
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
}

/** Open gateways listen on loopback only: without tokens anybody that reaches one may publish. */
function refuseOpenDoor(config: Config, tokens: AccessTokens): void {
  if (!tokens.isOpen || isLoopbackName(config.gatewayHost)) return;
  throw new UsageError(`GATEWAY_HOST is ${config.gatewayHost} and there are no tokens: anybody could publish`, {
    remedy: 'set GATEWAY_TOKENS_FILE (tickgate token makes its rows) or JWT_JWKS_URL, or listen on 127.0.0.1',
  });
}
