import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import { bufferKeys, type BufferKeys } from '../../src/buffer/keys.ts';
import { Checker } from './checker.ts';
import { compilePrograms } from './compiled-programs.ts';
import type { Hurt } from './fault.ts';
import { FeedFleet } from './feed-fleet.ts';
import type { Stage } from './stage.ts';
import { TcpProxy } from './tcp-proxy.ts';

export interface GivenStageOptions {
  /** `ws://host:port` of its gateway. */
  readonly url: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  readonly prefix: string;
  readonly token: string | undefined;
  /** Begins the names of the feeds. */
  readonly feedPrefix: string;
  readonly feedProcesses: number;
  readonly feedsAProcess: number;
  readonly ticksAFrame: number;
  readonly ticksASecond: number;
  readonly graceFrames: number;
}

/** An operator's own deployment: only its services and the connections of our feeds are hurt. For a TEST stage. */
export class GivenStage implements Stage, AsyncDisposable {
  readonly prefix: string;
  readonly keys: BufferKeys;
  readonly fleet: FeedFleet;
  readonly checker: Checker;
  readonly feedLink: TcpProxy;
  readonly database: ClientConfig;
  readonly redisUrl: string;
  readonly #folder: string;

  private constructor(options: GivenStageOptions, folder: string, programs: string, feedLink: TcpProxy) {
    this.#folder = folder;
    this.prefix = options.prefix;
    this.redisUrl = options.redisUrl;
    this.feedLink = feedLink;
    this.database = { connectionString: options.postgresUrl, database: new URL(options.postgresUrl).pathname.slice(1) };
    this.keys = bufferKeys(options.prefix, Number(new URL(options.redisUrl).pathname.slice(1) || '0'));
    this.fleet = new FeedFleet(
      {
        folder,
        programs,
        url: `ws://127.0.0.1:${feedLink.port}/v1/feed`,
        token: options.token,
        prefix: options.feedPrefix,
        processes: options.feedProcesses,
        feedsAProcess: options.feedsAProcess,
        ticksAFrame: options.ticksAFrame,
        ticksASecond: options.ticksASecond,
        graceFrames: options.graceFrames,
        graceMs: 300_000,
      },
      {
        onCommitted: (feed, seq) => this.checker.onCommitted(feed, seq),
        onOpened: (feed) => this.checker.onOpened(feed),
        onSurprise: (what) => this.checker.violation(what),
      },
    );
    this.checker = new Checker({
      database: this.database,
      prefix: this.prefix,
      feeds: this.fleet.feeds,
      ticksAFrame: options.ticksAFrame,
      bounded: [],
      maxRssMb: Infinity,
    });
  }

  static async start(options: GivenStageOptions): Promise<GivenStage> {
    const gateway = new URL(options.url);
    if (gateway.protocol !== 'ws:' && gateway.protocol !== 'http:') {
      throw new Error('--url: ws://host:port is needed; connections are cut by a proxy, which cannot speak TLS');
    }
    const programs = await compilePrograms();
    const folder = await mkdtemp(join(tmpdir(), 'tickgate-chaos-'));
    const feedLink = await TcpProxy.start(() => ({ host: gateway.hostname, port: Number(gateway.port || '80') }));
    const stage = new GivenStage(options, folder, programs, feedLink);
    await stage.fleet.start();
    stage.checker.start();
    await stage.fleet.whenCommitted(new Map(stage.fleet.feeds.map((feed) => [feed, 1])), 60_000);
    return stage;
  }

  /** Undoes whatever a fault that did not come to its end may have left of what it hurts. */
  async mend(hurts: readonly Hurt[] = ['feeds', 'feed-link']): Promise<void> {
    if (hurts.includes('feed-link')) this.feedLink.heal();
    if (!hurts.includes('feeds')) return;
    for (const { process } of this.fleet.members) if (!process.isRunning) await process.start();
    this.fleet.generate(true);
  }

  brokenLines(): string[] {
    return this.fleet.members.flatMap(({ process }) => process.brokenLine() ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.checker[Symbol.asyncDispose]();
    await this.fleet[Symbol.asyncDispose]();
    await this.feedLink[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
