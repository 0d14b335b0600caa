import { DisposalStack } from '../base/disposal-stack.ts';
import { bufferKeys } from '../buffer/keys.ts';
import { assertNoEviction, RedisLink } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisDatabase, redisOptions } from '../buffer/redis-options.ts';
import { TickBuffer } from '../buffer/tick-buffer.ts';
import type { Config } from '../config.ts';
import { FeedRegistry } from '../ingest/feed-registry.ts';
import { InternalFeed } from '../ingest/internal-feed.ts';
import { FeedOpener } from '../ingest/feed-opener.ts';
import type { CheckedTicks } from '../market/tick-check.ts';
import { FeedWatermarks } from '../store/feed-watermarks.ts';
import { checkSchema } from '../store/check-schema.ts';
import { connectPostgres, createPostgresPool } from '../store/postgres-connection.ts';

const COMMAND_TIMEOUT_MS = 5_000;
const ROW_TIMEOUT_MS = 3_000;
const RECONCILE_MS = 100;

/** Buffer of a command: without a gateway, for the length of the command. */
export interface OneOffBuffer extends AsyncDisposable {
  readonly buffer: TickBuffer;
  /**
   * Publishes one frame on a feed of this process's own.
   * @throws {StoreUnavailableError} {StoreSchemaError} where the feed could not be opened
   */
  publishOneOff(ticks: CheckedTicks): Promise<{ readonly acked: Promise<void>; readonly committed: Promise<void> }>;
  /** Calls back with each flush notice. */
  onFlushed(listener: (notice: Buffer) => void): Promise<void>;
}

/** @throws {RedisUnavailableError} {RedisUnsafeError} */
export async function connectBuffer(config: Config): Promise<OneOffBuffer> {
  const keys = bufferKeys(config.ticksPrefix, redisDatabase(config));
  const address = describeRedisAddress(config);
  const link = new RedisLink({
    redis: redisOptions(config, 'command', COMMAND_TIMEOUT_MS),
    role: 'command',
    address,
    prepare: async (_client, facts) => assertNoEviction(facts),
  });
  await link.connect();
  const { bufferMaxTicks, takeoverIntervalMs } = config;
  const buffer = new TickBuffer({ link, keys, bufferMaxTicks, takeoverIntervalMs });
  const parts = new DisposalStack();
  parts.defer(() => link.close());

  const openFeed = (): InternalFeed => {
    const pool = createPostgresPool(config, {
      applicationName: 'tickgate-command',
      statementTimeoutMs: ROW_TIMEOUT_MS,
      maxConnections: 1,
    });
    parts.defer(() => pool.end());
    const rows = new FeedWatermarks(pool, config.ticksPrefix);
    const feed = new InternalFeed({
      prefix: '~cli',
      opener: new FeedOpener(buffer, rows),
      buffer,
      limits: { windowFrames: config.windowFrames, windowTicks: config.windowTicks },
      observer: { onAccepted: () => undefined, onRejected: () => undefined, onReopen: () => undefined },
    });
    const registry = new FeedRegistry({
      run: buffer.run,
      feedStates: (feeds) => buffer.feedStates(feeds),
      readRows: (feeds) => rows.read(feeds),
    });
    registry.add(feed);
    const timer = setInterval(() => void registry.reconcile(), RECONCILE_MS);
    parts.defer(() => clearInterval(timer));
    parts.use(feed);
    return feed;
  };

  let internalFeed: InternalFeed | undefined;
  return {
    buffer,
    async publishOneOff(ticks) {
      if (internalFeed === undefined) await checkStore(config);
      internalFeed ??= openFeed();
      const feed = internalFeed;
      let onAck = (): void => undefined;
      let onCommitted = (): void => undefined;
      const acked = new Promise<void>((resolve) => (onAck = resolve));
      const committed = new Promise<void>((resolve) => (onCommitted = resolve));
      feed.publish(ticks, { onAck, onCommitted });
      return { acked, committed };
    },
    async onFlushed(listener) {
      const subscriber = new RedisLink({
        redis: redisOptions(config, 'command-notices', undefined),
        role: 'command notices',
        address,
        prepare: async (client) => {
          client.on('messageBuffer', (_channel: Buffer, message: Buffer) => listener(message));
          await client.subscribe(keys.flushedChannel);
        },
      });
      parts.defer(() => subscriber.close());
      await subscriber.connect();
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function checkStore(config: Config): Promise<void> {
  const client = await connectPostgres(config, { applicationName: 'tickgate-command' });
  try {
    await checkSchema(client, config);
  } finally {
    await client.end();
  }
}
