import type { Redis } from 'ioredis';
import type { BufferKeys } from '../buffer/keys.ts';
import { RedisLink } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisOptions } from '../buffer/redis-options.ts';
import { StreamReader } from '../buffer/stream-reader.ts';
import type { Config } from '../config.ts';
import { FairWorkQueue } from '../base/fair-work-queue.ts';
import type { FanoutObserver, LivePrices } from '../fanout/fanout-ports.ts';
import { LiveConnection } from '../fanout/live-connection.ts';
import type { LiveEndpoint } from '../fanout/live-endpoint.ts';
import { LiveHub } from '../fanout/live-hub.ts';
import { WsLiveSocket } from '../fanout/ws-live-socket.ts';
import type { AccessTokens } from '../http/access-tokens.ts';
import type { SocketKeeper } from '../http/socket-keeper.ts';
import type { SocketEndpoint } from '../http/upgrade-router.ts';

export interface LiveSideParts {
  readonly keys: BufferKeys;
  readonly tokens: AccessTokens;
  readonly keeper: SocketKeeper;
  readonly prices: LivePrices;
  readonly observer: FanoutObserver;
}

const COMMAND_TIMEOUT_MS = 5_000;

/** Live side of a gateway: `/v1/live`, and the way from the live channel to the dashboards connected here. */
export class LiveSide implements AsyncDisposable {
  readonly hub: LiveHub;
  readonly #subscribe: RedisLink;
  readonly #tail: RedisLink;
  readonly #endpoint: LiveEndpoint;
  readonly #keeper: SocketKeeper;
  readonly #config: Config;

  constructor(config: Config, { keys, tokens, keeper, prices, observer }: LiveSideParts) {
    this.#config = config;
    this.#keeper = keeper;
    const address = describeRedisAddress(config);
    this.#tail = new RedisLink({
      redis: redisOptions(config, 'live-tail', COMMAND_TIMEOUT_MS),
      role: 'live tail',
      address,
    });
    this.#subscribe = new RedisLink({
      redis: redisOptions(config, 'live', undefined),
      role: 'live',
      address,
      prepare: (client) => this.#listen(client, keys.liveChannel),
    });
    this.hub = new LiveHub({
      tail: new StreamReader(this.#tail, keys),
      prices,
      observer,
      coalesceMs: config.liveCoalesceMs,
      work: new FairWorkQueue({ turnMs: config.liveTurnMs }),
      maxCatchUps: config.liveCatchUps,
    });
    this.#subscribe.onUp(() => this.hub.stream.up(this.#subscribe.facts.run));
    this.#subscribe.onDown(() => this.hub.stream.down());
    this.#endpoint = {
      options: {
        queueBytes: config.liveQueueBytes,
        slowMs: config.liveSlowMs,
        maxSymbols: config.liveMaxSymbols,
        maxFeeds: config.liveMaxFeeds,
      },
      hub: this.hub,
      observer,
      isOpen: tokens.isOpen,
      authenticate: (token) => tokens.authenticate(token),
    };
  }

  start(): void {
    this.hub.start();
    this.#tail.start();
    this.#subscribe.start();
  }

  get reconnects(): Readonly<Record<string, number>> {
    return { live: this.#subscribe.reconnects, tail: this.#tail.reconnects };
  }

  /** `/v1/live`, for the upgrade router. */
  socketEndpoint(): SocketEndpoint {
    return {
      path: '/v1/live',
      kind: 'live',
      defaultCodec: 'json',
      maxMessageBytes: this.#config.maxLiveMessageBytes,
      allowsBrowsers: true,
      mayConnect: (principal) => principal.mayWatch(),
      accept: (socket, codec, principal, admission, stream) => {
        const connection = new LiveConnection(this.#endpoint, new WsLiveSocket(socket, stream), codec, principal);
        this.#keeper.keep(socket, connection, admission);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hub[Symbol.dispose]();
    await this.#subscribe.close();
    await this.#tail.close();
  }

  async #listen(client: Redis, channel: string): Promise<void> {
    client.on('messageBuffer', (_channel: Buffer, message: Buffer) => this.hub.stream.onMessage(message));
    await client.subscribe(channel);
  }
}
