import { Redis } from 'ioredis';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BufferKeys } from '../../src/buffer/keys.ts';
import type { Checker } from './checker.ts';
import type { FeedFleet } from './feed-fleet.ts';
import type { TcpProxy } from './tcp-proxy.ts';

/** What every stage has, an operator's own too: feeds under load, a proxy before the gateway, and its two services. */
export interface Stage {
  readonly prefix: string;
  readonly keys: BufferKeys;
  readonly fleet: FeedFleet;
  readonly checker: Checker;
  /** Between the feeds and the gateways. */
  readonly feedLink: TcpProxy;
  /** Past every proxy. */
  readonly database: ClientConfig;
  readonly redisUrl: string;
}

const CONNECT_TIMEOUT_MS = 5_000;

/** Runs commands on a Redis connection of its own. */
export async function withRedis<T>(stage: Pick<Stage, 'redisUrl'>, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(stage.redisUrl, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: CONNECT_TIMEOUT_MS,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Runs statements in a PostgreSQL session of its own. */
export async function withDatabase<T>(
  stage: Pick<Stage, 'database'>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ connectionTimeoutMillis: CONNECT_TIMEOUT_MS, ...stage.database });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function sql<Row extends QueryResultRow>(
  stage: Pick<Stage, 'database'>,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return withDatabase(stage, async (client) => (await client.query<Row>(text, [...values])).rows);
}

/** Waits until `holds`. @throws {Error} naming what did not come about */
export async function until(
  what: string,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
  pollMs = 25,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(pollMs);
  }
}
