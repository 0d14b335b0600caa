import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { InvariantError } from '../errors.ts';
import { PlainSockets, type PlainSocketLimits } from './plain-sockets.ts';
import { TLS_RULES, type TlsFiles } from './tls-files.ts';

export interface HardenedServerOptions extends Omit<PlainSocketLimits, 'countsAddresses'> {
  readonly trustProxy: boolean;
  readonly maxHeaderBytes: number;
  readonly headersDeadlineMs: number;
  /** WebSockets, beside the plain sockets. */
  readonly maxConnections: number;
}

/** Added to the header deadline for the rest of a request. */
const BODY_DEADLINE_MS = 5_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_CHECK_INTERVAL_MS = 1_000;
/** Sockets between their cut and their end. */
const SPARE_SOCKETS = 256;

/** A server with deadlines and bounds far below Node's defaults; with TLS where there are files for it. */
export function createHardenedServer(
  options: HardenedServerOptions,
  tls: TlsFiles | undefined,
  handler: RequestListener,
): Server {
  const rules = { ...deadlines(options), maxHeaderSize: options.maxHeaderBytes };
  const server =
    tls === undefined
      ? createServer(rules, handler)
      : createTlsServer({ ...rules, ...tls, ...TLS_RULES, handshakeTimeout: options.headersDeadlineMs }, handler);
  // Never reached before a bound of ours: beyond it Node cuts whoever comes, feeds too.
  server.maxConnections = options.maxConnections + options.maxPlainSockets + SPARE_SOCKETS;
  // oxlint-disable-next-line no-new -- it listens to the server
  new PlainSockets(server, { ...options, countsAddresses: !options.trustProxy });
  return server;
}

/**
 * Compares the deadlines in force with those that were asked for: a framework between them may have set its own.
 * @throws {InvariantError}
 */
export function assertDeadlines(server: Server, options: HardenedServerOptions): void {
  for (const [name, expected] of Object.entries(deadlines(options))) {
    const actual: unknown = Reflect.get(server, name);
    if (actual !== expected)
      throw new InvariantError(`the HTTP server's ${name} is ${String(actual)}, not ${expected}`);
  }
}

function deadlines({ headersDeadlineMs }: HardenedServerOptions) {
  return {
    headersTimeout: headersDeadlineMs,
    requestTimeout: headersDeadlineMs + BODY_DEADLINE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, headersDeadlineMs),
  };
}
