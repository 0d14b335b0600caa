import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import { bufferKeys, type BufferKeys } from '../../src/buffer/keys.ts';
import { loadConfig } from '../../src/config.ts';
import { findFreePort } from '../../src/stack/free-port.ts';
import { ensureDatabase } from '../../src/stack/postgres-server.ts';
import type { PrivateServer } from '../support/private-server.ts';
import {
  startPostgresServer,
  startRedisServer,
  type PostgresServerOptions,
  type RedisServerOptions,
} from '../support/start-private-server.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { compilePrograms } from './compiled-programs.ts';
import { Checker } from './checker.ts';
import type { Hurt } from './fault.ts';
import { FeedFleet } from './feed-fleet.ts';
import { ManagedProcess } from './managed-process.ts';
import { sql, type Stage, until } from './stage.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** A gateway or a coordinator, with links of its own to both services. */
export interface Part {
  readonly process: ManagedProcess;
  readonly redisLink: TcpProxy;
  readonly postgresLink: TcpProxy;
}

export interface OwnStageOptions {
  readonly gateways?: number;
  readonly coordinators?: number;
  readonly feedProcesses?: number;
  readonly feedsAProcess?: number;
  readonly ticksAFrame?: number;
  /** Of each feed. */
  readonly ticksASecond?: number;
  /** Committed frames that a feed's journal still supplies. */
  readonly graceFrames?: number;
  readonly graceMs?: number;
  readonly redis?: RedisServerOptions;
  readonly postgres?: PostgresServerOptions;
  /** Of gateways and coordinators. */
  readonly env?: Readonly<Record<string, string>>;
}

const DATABASE = 'egx_market';
const EVERYTHING: readonly Hurt[] = ['feeds', 'feed-link', 'gateways', 'coordinators', 'redis', 'postgres'];
const PREFIX = 'egx';
const MAX_GATEWAY_RSS_MB = 400;

/** A whole deployment of its own, every part of which can be hurt: private servers, real processes, a proxy on each link. */
export class OwnStage implements Stage, AsyncDisposable {
  readonly prefix: string = PREFIX;
  readonly keys: BufferKeys = bufferKeys(PREFIX, 0);
  readonly folder: string;
  readonly redis: PrivateServer;
  readonly postgres: PrivateServer & { readonly password: string };
  readonly gateways: readonly Part[];
  readonly coordinators: readonly Part[];
  readonly feedLink: TcpProxy;
  readonly fleet: FeedFleet;
  readonly checker: Checker;
  /** Where the parts' Redis is now; another one after a failover. */
  redisPort: number;

  private constructor(made: {
    readonly folder: string;
    readonly programs: string;
    readonly redis: PrivateServer;
    readonly postgres: PrivateServer & { readonly password: string };
    readonly gatewayPorts: readonly number[];
    readonly links: readonly TcpProxy[];
    readonly feedLink: TcpProxy;
    readonly options: OwnStageOptions;
  }) {
    const { options } = made;
    this.folder = made.folder;
    this.redis = made.redis;
    this.postgres = made.postgres;
    this.feedLink = made.feedLink;
    this.redisPort = made.redis.port;
    const links = [...made.links];
    const part = (name: string, args: readonly string[], readyWhen: RegExp, env: Record<string, string>): Part => {
      const [redisLink, postgresLink] = links.splice(0, 2);
      if (redisLink === undefined || postgresLink === undefined) throw new RangeError('a link is missing');
      const process = new ManagedProcess(
        {
          name,
          args: [join(made.programs, 'src/cli.js'), ...args],
          readyWhen,
          logFile: join(this.folder, `${name}.log`),
          env: { ...this.#environment(redisLink.port, postgresLink.port), ...options.env, ...env },
        },
        (what) => this.checker.violation(what),
      );
      return { process, redisLink, postgresLink };
    };
    this.gateways = made.gatewayPorts.map((port, at) =>
      part(`gateway-${at}`, ['serve', '--no-flush'], /gateway listens/, { GATEWAY_PORT: String(port) }),
    );
    this.coordinators = Array.from({ length: options.coordinators ?? 2 }, (_, at) =>
      part(`coordinator-${at}`, ['daemon'], /flushing every/, {}),
    );
    this.fleet = new FeedFleet(
      {
        folder: this.folder,
        programs: made.programs,
        url: `ws://127.0.0.1:${made.feedLink.port}/v1/feed`,
        prefix: 'f',
        processes: options.feedProcesses ?? 2,
        feedsAProcess: options.feedsAProcess ?? 2,
        ticksAFrame: options.ticksAFrame ?? 40,
        ticksASecond: options.ticksASecond ?? 800,
        graceFrames: options.graceFrames ?? 4_000,
        graceMs: options.graceMs ?? 300_000,
      },
      {
        onCommitted: (feed, seq) => this.checker.onCommitted(feed, seq),
        onOpened: (feed) => this.checker.onOpened(feed),
        onSurprise: (what) => this.checker.violation(what),
      },
    );
    this.checker = new Checker({
      database: this.database,
      prefix: PREFIX,
      feeds: this.fleet.feeds,
      ticksAFrame: this.fleet.ticksAFrame,
      bounded: this.gateways.map((each) => each.process),
      maxRssMb: MAX_GATEWAY_RSS_MB,
    });
  }

  /** Starts everything and waits until every feed has something committed. */
  static async start(options: OwnStageOptions = {}): Promise<OwnStage> {
    const folder = await mkdtemp(join(tmpdir(), 'tickgate-faults-'));
    const undo: AsyncDisposable[] = [];
    const programs = await compilePrograms();
    try {
      const [redis, postgres] = await Promise.all([
        startRedisServer(options.redis),
        startPostgresServer(options.postgres),
      ]);
      undo.push(redis, postgres);
      await prepareDatabase(postgres);
      const gatewayPorts: number[] = [];
      for (let at = 0; at < (options.gateways ?? 2); at++) gatewayPorts.push(await findFreePort());
      const links: TcpProxy[] = [];
      const parts = gatewayPorts.length + (options.coordinators ?? 2);
      for (let at = 0; at < parts; at++) {
        links.push(await TcpProxy.start(() => ({ host: '127.0.0.1', port: stage?.redisPort ?? redis.port })));
        links.push(await TcpProxy.start(() => ({ host: '127.0.0.1', port: postgres.port })));
      }
      let turn = 0;
      const feedLink = await TcpProxy.start(() => {
        // Gateways in turn; one that does not run is passed over.
        const running = gatewayPorts.filter((_, at) => stage?.gateways[at]?.process.isRunning ?? true);
        const port = running[turn++ % Math.max(1, running.length)] ?? gatewayPorts[0] ?? 0;
        return { host: '127.0.0.1', port };
      });
      undo.push(feedLink, ...links);
      let stage: OwnStage | undefined;
      stage = new OwnStage({ folder, programs, redis, postgres, gatewayPorts, links, feedLink, options });
      undo.push(stage);
      await Promise.all(stage.parts.map((part) => part.process.start()));
      await stage.fleet.start();
      stage.checker.start();
      await stage.fleet.whenCommitted(new Map(stage.fleet.feeds.map((feed) => [feed, 1])), 60_000);
      return stage;
    } catch (error) {
      for (const each of undo.reverse()) await each[Symbol.asyncDispose]();
      throw error;
    }
  }

  get parts(): readonly Part[] {
    return [...this.gateways, ...this.coordinators];
  }

  get database(): ClientConfig {
    const { port, password } = this.postgres;
    return { host: '127.0.0.1', port, user: 'postgres', password, database: DATABASE };
  }

  get redisUrl(): string {
    return `redis://127.0.0.1:${this.redisPort}/0`;
  }

  /** The coordinator that holds the lock. */
  async leader(): Promise<Part> {
    let leading: Part | undefined;
    await until('a coordinator leads', 30_000, async () => {
      const rows = await sql<{ client_port: number }>(
        this,
        `SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND application_name = 'tickgate-flush'`,
      );
      const ports = new Set(rows.map((row) => row.client_port));
      leading = this.coordinators.find(({ postgresLink }) =>
        [...postgresLink.connections].some(({ service }) => ports.has(service.localPort ?? -1)),
      );
      return leading !== undefined;
    });
    if (leading === undefined) throw new Error('nobody leads');
    return leading;
  }

  async standby(): Promise<Part> {
    const leader = await this.leader();
    const other = this.coordinators.find((each) => each !== leader && each.process.isRunning);
    if (other === undefined) throw new Error('there is no standby');
    return other;
  }

  /** Undoes whatever a fault that did not come to its end may have left of what it hurts. */
  async mend(hurts: readonly Hurt[] = EVERYTHING): Promise<void> {
    const isHurt = (hurt: Hurt): boolean => hurts.includes(hurt);
    if (isHurt('feed-link')) this.feedLink.heal();
    for (const [hurt, server] of [['redis', this.redis] as const, ['postgres', this.postgres] as const]) {
      if (!isHurt(hurt)) continue;
      if (server.running) server.signal('SIGCONT');
      else await server.start();
    }
    const parts = [...(isHurt('gateways') ? this.gateways : []), ...(isHurt('coordinators') ? this.coordinators : [])];
    for (const { redisLink, postgresLink } of parts) {
      redisLink.heal();
      postgresLink.heal();
    }
    for (const { process } of [...parts, ...(isHurt('feeds') ? this.fleet.members : [])]) {
      process.resume();
      if (!process.isRunning) await process.start();
    }
    if (isHurt('feeds')) this.fleet.generate(true);
  }

  /** What must hold of every log and process at any time. */
  brokenLines(): string[] {
    const processes = [...this.parts.map((part) => part.process), ...this.fleet.members.map((each) => each.process)];
    return processes.flatMap((process) => process.brokenLine()?.slice(0, 500) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.checker[Symbol.asyncDispose]();
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all(this.parts.map((part) => part.process.kill()));
    for (const part of this.parts) {
      await part.redisLink[Symbol.asyncDispose]();
      await part.postgresLink[Symbol.asyncDispose]();
    }
    await this.feedLink[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
    await this.postgres[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }

  #environment(redisPort: number, postgresPort: number): Record<string, string> {
    return {
      REDIS_URL: '',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(redisPort),
      REDIS_DB: '0',
      REDIS_PASSWORD: '',
      POSTGRES_URL: '',
      POSTGRES_HOST: '127.0.0.1',
      POSTGRES_PORT: String(postgresPort),
      POSTGRES_DB: DATABASE,
      POSTGRES_USER: 'postgres',
      POSTGRES_PASSWORD: this.postgres.password,
      TICKS_PREFIX: PREFIX,
      GATEWAY_HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
    };
  }
}

async function prepareDatabase(postgres: PrivateServer & { readonly password: string }): Promise<void> {
  await ensureDatabase(postgres.port, postgres.password, DATABASE);
  const config = loadConfig({
    POSTGRES_HOST: '127.0.0.1',
    POSTGRES_PORT: String(postgres.port),
    POSTGRES_DB: DATABASE,
    POSTGRES_USER: 'postgres',
    POSTGRES_PASSWORD: postgres.password,
    TICKS_PREFIX: PREFIX,
  });
  const client = await connectPostgres(config);
  try {
    await setupDatabase(client, config);
  } finally {
    await client.end();
  }
}
