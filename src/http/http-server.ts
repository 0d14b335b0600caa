import { Server as TlsServer } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import { describeError } from '../errors.ts';
import { httpLogger } from '../logger.ts';
import { statusOf } from './api-errors.ts';
import { isLoopbackHost } from './client-address.ts';
import { assertDeadlines, createHardenedServer } from './hardened-server.ts';
import { addSafeHeaders } from './safe-headers.ts';
import { readTlsFiles, reloadTlsFiles } from './tls-files.ts';

export interface HttpServerOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly trustProxy: boolean;
  /** None of these three: the gateway is open to all that reach it. */
  readonly gatewayTokensFile?: string | undefined;
  readonly jwtJwksUrl?: string | undefined;
  readonly jwtKeyFile?: string | undefined;
  readonly maxHeaderBytes: number;
  readonly headersDeadlineMs: number;
  readonly answerDeadlineMs: number;
  /** WebSockets; the server takes some sockets more, for plain requests. */
  readonly maxConnections: number;
  readonly maxPlainSockets: number;
  readonly maxPlainPerAddress: number;
  readonly maxConnectingPerAddress: number;
}

const MAX_BODY_BYTES = 16 * 1024;
const SOCKET_PATHS: ReadonlySet<string> = new Set(['/v1/feed', '/v1/live']);

/**
 * The HTTP server of the gateway, with deadlines and bounds far below Node's defaults. Routes are added by its owner.
 * @throws {UsageError} when the certificate or key cannot be used
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { trustProxy } = options;
  const tls = readTlsFiles(options);
  const app = fastify({
    logger: false,
    trustProxy,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    return503OnClosing: false,
    // A server that Fastify makes itself gets Fastify's own deadlines over those it is given.
    serverFactory: (handler) => createHardenedServer(options, tls, handler),
  });
  const { server } = app;
  app.addHook('onReady', async () => assertDeadlines(server, options));
  if (server instanceof TlsServer) reloadTlsFiles(server, options);
  addSafeHeaders(app);
  const isOpen = (options.gatewayTokensFile ?? options.jwtJwksUrl ?? options.jwtKeyFile) === undefined;
  if (isOpen && !trustProxy) refuseOtherHosts(app);
  refuseBodies(app);
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

/** No request here has a body: one that announces it is answered at once, and its socket closed. */
function refuseBodies(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (length === '0' && encoding === undefined) return;
    await reply.code(413).header('Connection', 'close').send({ error: 'a request has no body here' });
  });
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
