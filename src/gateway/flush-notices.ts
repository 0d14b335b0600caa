import type { Redis } from 'ioredis';
import type { BufferKeys } from '../buffer/keys.ts';
import { RedisLink } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisOptions } from '../buffer/redis-options.ts';
import type { Config } from '../config.ts';
import { describeError } from '../errors.ts';
import { gatewayLogger } from '../logger.ts';
import { decodeFlushNotice, type FlushNotice } from '../stream/flush-notice.ts';

export interface FlushNoticeHooks {
  /** After every COMMIT of any coordinator, while the connection is up. */
  onNotice(notice: FlushNotice): void;
  /** With each new connection: notices may have been missed before it. */
  onUp(): void;
}

/** Subscriber of the flush notices that coordinators publish, over a connection of its own. */
export class FlushNotices implements AsyncDisposable {
  readonly #hooks: FlushNoticeHooks;
  readonly #channel: string;
  readonly #link: RedisLink;

  constructor(config: Config, keys: BufferKeys, hooks: FlushNoticeHooks) {
    this.#hooks = hooks;
    this.#channel = keys.flushedChannel;
    this.#link = new RedisLink({
      redis: redisOptions(config, 'subscribe', undefined),
      role: 'subscribe',
      address: describeRedisAddress(config),
      prepare: (client) => this.#subscribe(client),
    });
    this.#link.onUp(() => hooks.onUp());
  }

  start(): void {
    this.#link.start();
  }

  get reconnects(): number {
    return this.#link.reconnects;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
  }

  async #subscribe(client: Redis): Promise<void> {
    client.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      if (channel.toString() === this.#channel) this.#onMessage(message);
    });
    await client.subscribe(this.#channel);
  }

  #onMessage(message: Buffer): void {
    try {
      this.#hooks.onNotice(decodeFlushNotice(message));
    } catch (error) {
      gatewayLogger.error({ cause: describeError(error) }, 'a flush notice cannot be read');
    }
  }
}
