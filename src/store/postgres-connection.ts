import { Socket, type SocketConstructorOpts } from 'node:net';
import { Client, Pool, type ClientConfig } from 'pg';
import type { Config } from '../config.ts';
import { describeError } from '../errors.ts';
import { storeLogger } from '../logger.ts';
import { describePostgresAddress, postgresAddressOf, tlsOptionsOf } from './postgres-address.ts';
import { explainConnectError } from './postgres-errors.ts';

export { describePostgresAddress } from './postgres-address.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
/** How long after its statement time-out a query of a pool is given up: by then the path to PostgreSQL is dead. */
const ANSWER_GRACE_MS = 1_000;

export interface PostgresConnectionOptions {
  /** Name in pg_stat_activity; default `tickgate`. */
  readonly applicationName?: string;
  /**
   * PostgreSQL ends a statement that takes longer; a pool gives up the connection of one that is then not answered.
   * Default: no limit.
   */
  readonly statementTimeoutMs?: number;
  /** Longest time until the session stands; default 5 s. */
  readonly connectTimeoutMs?: number;
  /** Bytes that are handed to the socket before the writer waits, so that many messages go out in one system call. */
  readonly writeAheadBytes?: number;
  /** A lost session is not logged: the caller hears of it by its own query. */
  readonly isQuiet?: boolean;
}

/**
 * Opens one session. The caller ends it with `client.end()`; a session lost later is logged, and the next query on it
 * rejects.
 * @throws {StoreUnavailableError} with the address tried, the cause and the remedy.
 * @throws {UsageError} when a setting is wrong.
 */
export async function connectPostgres(config: Config, options: PostgresConnectionOptions = {}): Promise<Client> {
  const client = new Client(clientConfigOf(config, options));
  if (options.isQuiet === true) client.on('error', () => undefined);
  else logLostSession(client, config);
  try {
    await client.connect();
  } catch (error) {
    throw explainConnectError(error, config);
  }
  return client;
}

export interface PostgresPoolOptions extends PostgresConnectionOptions {
  /** Default 4. */
  readonly maxConnections?: number;
}

/** A pool for reading queries; it connects when first used. The caller ends it with `pool.end()`. */
export function createPostgresPool(config: Config, options: PostgresPoolOptions = {}): Pool {
  const pool = new Pool({
    ...clientConfigOf(config, options),
    ...(options.statementTimeoutMs === undefined
      ? {}
      : { query_timeout: options.statementTimeoutMs + ANSWER_GRACE_MS }),
    max: options.maxConnections ?? 4,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
  });
  // A pool repeats the errors of its idle clients, and each of them is listened to.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => logLostSession(client, config));
  return pool;
}

function clientConfigOf(config: Config, options: PostgresConnectionOptions): ClientConfig {
  const address = postgresAddressOf(config);
  return {
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    ...(address.password === undefined ? {} : { password: address.password }),
    ssl: tlsOptionsOf(address),
    application_name: options.applicationName ?? 'tickgate',
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    ...(options.writeAheadBytes === undefined ? {} : socketThatHolds(options.writeAheadBytes)),
  };
}

function socketThatHolds(bytes: number): Pick<ClientConfig, 'stream'> {
  // A socket takes the options of any stream; its types leave this one out.
  const options: SocketConstructorOpts & { readonly writableHighWaterMark: number } = { writableHighWaterMark: bytes };
  return { stream: () => new Socket(options) };
}

/** Without a listener the 'error' of a lost session would end the process. Logged once: `pg` often says it twice. */
function logLostSession(client: ErrorEmitter, config: Config): void {
  let isLogged = false;
  client.on('error', (error: Error) => {
    if (isLogged) return;
    isLogged = true;
    storeLogger.warn(
      { address: describePostgresAddress(config), cause: describeError(error) },
      'PostgreSQL session lost',
    );
  });
}

interface ErrorEmitter {
  on: (event: 'error', listener: (error: Error) => void) => unknown;
}
