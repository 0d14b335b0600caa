import type { Pool } from 'pg';
import type { BufferKeys } from '../buffer/keys.ts';
import type { RedisLink } from '../buffer/redis-link.ts';
import { TickBuffer } from '../buffer/tick-buffer.ts';
import type { Config } from '../config.ts';
import type { AccessTokens } from '../http/access-tokens.ts';
import type { SocketKeeper } from '../http/socket-keeper.ts';
import type { SocketEndpoint } from '../http/upgrade-router.ts';
import { FeedConnection, type FeedEndpoint } from '../ingest/feed-connection.ts';
import { FeedOpener } from '../ingest/feed-opener.ts';
import type { IngestObserver } from '../ingest/feed-ports.ts';
import { FeedRegistry } from '../ingest/feed-registry.ts';
import { InternalFeed } from '../ingest/internal-feed.ts';
import { TokenFeeds } from '../ingest/token-feeds.ts';
import { FeedWatermarks } from '../store/feed-watermarks.ts';
import type { FlushNotice } from '../stream/flush-notice.ts';

export interface FeedSideParts {
  readonly keys: BufferKeys;
  /** The connection to Redis that appends. */
  readonly link: RedisLink;
  /** For watermarks: a feed that opens is told how far it is durable. */
  readonly pool: Pool;
  readonly tokens: AccessTokens;
  readonly keeper: SocketKeeper;
  readonly observer: IngestObserver;
}

/** The gateway's own feed, for frames without a number, stands in the registry beside those of connections. */
const INTERNAL_FEEDS = 1;

/** Feed side of a gateway: `/v1/feed`, the feeds open on it, and the buffer that their ticks go to. */
export class FeedSide implements AsyncDisposable {
  readonly #config: Config;
  readonly #keeper: SocketKeeper;
  readonly #buffer: TickBuffer;
  readonly #registry: FeedRegistry;
  readonly #internalFeed: InternalFeed;
  readonly #endpoint: FeedEndpoint;

  constructor(config: Config, { keys, link, pool, tokens, keeper, observer }: FeedSideParts) {
    this.#config = config;
    this.#keeper = keeper;
    const { bufferMaxTicks, takeoverIntervalMs } = config;
    const buffer = new TickBuffer({ link, keys, bufferMaxTicks, takeoverIntervalMs });
    const rows = new FeedWatermarks(pool, config.ticksPrefix);
    const opener = new FeedOpener(buffer, rows);
    const limits = { windowFrames: config.windowFrames, windowTicks: config.windowTicks };
    this.#buffer = buffer;
    this.#registry = new FeedRegistry({
      get run() {
        return link.facts.run;
      },
      feedStates: (feeds) => buffer.feedStates(feeds),
      readRows: (feeds) => rows.read(feeds),
    });
    this.#internalFeed = new InternalFeed({ prefix: '~gw', opener, buffer, limits, observer });
    this.#registry.add(this.#internalFeed);
    this.#endpoint = {
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
      authenticate: (token) => tokens.authenticate(token),
    };
  }

  start(): void {
    this.#registry.start();
  }

  /** Feeds that connections have opened here. */
  get openFeeds(): number {
    return this.#registry.size - INTERNAL_FEEDS;
  }

  /** Acknowledges what a flush has committed, to the feeds that are open here. */
  onFlushed(notice: FlushNotice): void {
    this.#registry.onFlushed(notice.feeds);
  }

  /** Reads states and watermarks of all open feeds once, and acknowledges what is durable by them. */
  async reconcile(): Promise<void> {
    await this.#registry.reconcile();
  }

  /** Asks the coordinator of another process for a flush; Redis being away is no error here. */
  async requestFlush(): Promise<void> {
    await this.#buffer.requestFlush().catch(() => undefined);
  }

  /** `/v1/feed`, for the upgrade router. */
  socketEndpoint(): SocketEndpoint {
    return {
      path: '/v1/feed',
      kind: 'feed',
      defaultCodec: 'msgpack',
      maxMessageBytes: this.#config.maxFeedMessageBytes,
      allowsBrowsers: false,
      mayConnect: (principal) => principal.mayFeed(),
      accept: (socket, codec, principal, admission) => {
        this.#keeper.keep(socket, new FeedConnection(this.#endpoint, socket, codec, principal), admission);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#internalFeed[Symbol.asyncDispose]();
    this.#registry[Symbol.dispose]();
  }
}
