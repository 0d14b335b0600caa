import { readFileSync } from 'node:fs';
import type { RedisOptions } from 'ioredis';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;

export type RedisClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** Where Redis is, without secrets, for messages. */
export function describeRedisAddress(config: Config): string {
  const { host, port, db } = redisTarget(config);
  return `${host}:${port} database ${db}`;
}

/** The database number in force: keys live there, channels carry it in their names. */
export function redisDatabase(config: Config): number {
  return redisTarget(config).db;
}

/**
 * Options of one client; CLIENT LIST names its `role`. ioredis by default sends commands again after a reconnect and
 * queues them without a bound; both are off, and a client that lost its connection is ended and replaced, so that
 * commands in flight reject.
 */
export function redisOptions(config: Config, role: string, commandTimeoutMs: number | undefined): RedisClientOptions {
  const target = redisTarget(config);
  return {
    host: target.host,
    port: target.port,
    db: target.db,
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.tls ? { tls: config.redisCa === undefined ? {} : { ca: readCa(config.redisCa) } } : {}),
    ...(commandTimeoutMs === undefined ? {} : { commandTimeout: commandTimeoutMs }),
    protocol: 2,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: `tickgate-${config.ticksPrefix}-${role}`,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
}

interface RedisTarget {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

function redisTarget(config: Config): RedisTarget {
  if (config.redisUrl === undefined) {
    return {
      host: config.redisHost,
      port: config.redisPort,
      db: config.redisDb,
      username: config.redisUser,
      password: config.redisPassword,
      tls: config.redisTls,
    };
  }
  const url = parseUrl(config.redisUrl);
  const db = /^\/(\d+)$/.exec(url.pathname)?.[1];
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? config.redisPort : Number(url.port),
    db: db === undefined ? config.redisDb : Number(db),
    username: url.username === '' ? config.redisUser : decodeURIComponent(url.username),
    password: url.password === '' ? config.redisPassword : decodeURIComponent(url.password),
    tls: url.protocol === 'rediss:' || config.redisTls,
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) {
    throw new UsageError('REDIS_URL is not an address', {
      remedy: 'write it as redis://user:password@host:6379/0 (rediss:// for TLS)',
    });
  }
  return url;
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`REDIS_CA: ${path} cannot be read`, { remedy: 'name a readable PEM file', cause });
  }
}
