import { Server as TlsServer } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import { describeError } from '../errors.ts';
import { httpLogger } from '../logger.ts';
import { statusOf } from './api-errors.ts';
import { isLoopbackHost } from './client-address.ts';
import { boundConnectingSockets } from './connecting-sockets.ts';
import { readTlsFiles, reloadTlsFiles } from './tls-files.ts';

export interface HttpServerOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly trustProxy: boolean;
  /** Undefined: the gateway is open to all that reach it. */
  readonly gatewayTokensFile?: string | undefined;
  readonly maxHeaderBytes: number;
  readonly headersDeadlineMs: number;
  /** WebSockets; the server takes some sockets more, for plain requests. */
  readonly maxConnections: number;
  readonly maxConnectingPerAddress: number;
}

/** Added to the header deadline for a body. */
const BODY_DEADLINE_MS = 5_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_CHECK_INTERVAL_MS = 1_000;
const MAX_BODY_BYTES = 16 * 1024;
const PLAIN_SOCKETS = 1_000;
const SOCKET_PATHS: ReadonlySet<string> = new Set(['/v1/feed', '/v1/live']);

/**
 * The HTTP server of the gateway, with deadlines and bounds far below Node's defaults. Routes are added by its owner.
 * @throws {UsageError} when the certificate or key cannot be used
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { headersDeadlineMs, trustProxy } = options;
  const hardened = {
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: headersDeadlineMs,
    requestTimeout: headersDeadlineMs + BODY_DEADLINE_MS,
    connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, headersDeadlineMs),
  };
  const common = {
    logger: false,
    trustProxy,
    bodyLimit: MAX_BODY_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    return503OnClosing: false,
  } as const;
  const tls = readTlsFiles(options);
  // Fastify's type differs by the server behind it; ours is used by routes only, which are the same on both.
  const app: FastifyInstance =
    tls === undefined
      ? fastify({ ...common, http: hardened })
      : asPlain(fastify({ ...common, https: { ...hardened, ...tls, handshakeTimeout: headersDeadlineMs } }));
  const { server } = app;
  server.maxConnections = options.maxConnections + PLAIN_SOCKETS;
  // All sockets come from the proxy's address: there it is the proxy that bounds them.
  if (!trustProxy) boundConnectingSockets(server, options.maxConnectingPerAddress);
  if (server instanceof TlsServer) reloadTlsFiles(server, options);
  if (options.gatewayTokensFile === undefined && !trustProxy) refuseOtherHosts(app);
  app.setNotFoundHandler((request, reply) => {
    if (!SOCKET_PATHS.has(request.url.split('?', 1)[0] ?? '')) return reply.code(404).send({ error: 'not found' });
    return reply
      .code(426)
      .headers({ upgrade: 'websocket', connection: 'close' })
      .send({ error: 'a WebSocket upgrade is needed' });
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status >= 500) httpLogger.error({ err: error }, 'a request could not be answered');
    return reply.code(status).send({ error: status >= 500 ? 'internal error' : describeError(error) });
  });
  return app;
}

/**
 * Protects against DNS rebinding: a page whose name was pointed at this machine has, to its browser, one origin with us
 * and may read our answers. Only the Host header gives it away, so without tokens every other name is refused.
 */
function refuseOtherHosts(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isLoopbackHost(request.headers.host ?? '')) return;
    await reply.code(403).send({ error: 'without tokens this gateway answers to localhost only' });
  });
}

function asPlain(app: unknown): FastifyInstance {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same instance over another server class
  return app as FastifyInstance;
}
