import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import { describeError, UsageError } from '../errors.ts';
import { httpLogger } from '../logger.ts';

export interface HttpServerOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly trustProxy: boolean;
}

const MAX_HEADER_BYTES = 8 * 1024;
const HEADERS_DEADLINE_MS = 5_000;
const REQUEST_DEADLINE_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;
const MAX_BODY_BYTES = 16 * 1024;
const TLS_POLL_MS = 5_000;

const HARDENED = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_DEADLINE_MS,
  requestTimeout: REQUEST_DEADLINE_MS,
  connectionsCheckingInterval: CHECK_INTERVAL_MS,
};

/**
 * The HTTP server of the gateway, with deadlines and bounds far below Node's defaults. Routes are added by its owner.
 * @throws {UsageError} when the certificate or key cannot be read
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const common = {
    logger: false,
    trustProxy: options.trustProxy,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    return503OnClosing: false,
  } as const;
  const tls = readTls(options);
  // Fastify's type differs by the server behind it; ours is used by routes only, which are the same on both.
  const app: FastifyInstance =
    tls === undefined
      ? fastify({ ...common, http: HARDENED })
      : asPlain(fastify({ ...common, https: { ...HARDENED, ...tls } }));
  if (tls !== undefined) reloadTls(app.server, options);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status >= 500) httpLogger.error({ err: error }, 'a request could not be answered');
    return reply.code(status).send({ error: status >= 500 ? 'internal error' : describeError(error) });
  });
  return app;
}

function asPlain(app: unknown): FastifyInstance {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same instance over another server class
  return app as FastifyInstance;
}

function statusOf(error: unknown): number {
  if (typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number')
    return error.statusCode;
  return 500;
}

function readTls({ tlsCert, tlsKey }: HttpServerOptions): { cert: Buffer; key: Buffer } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError('TLS_CERT and TLS_KEY are needed together', { remedy: 'set both, or neither' });
  }
  try {
    return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) };
  } catch (cause) {
    throw new UsageError(`TLS_CERT or TLS_KEY cannot be read: ${describeError(cause)}`, {
      remedy: 'name readable PEM files',
      cause,
    });
  }
}

/** A renewed certificate is taken without a restart; one that cannot be used leaves the old one in force. */
function reloadTls(server: Server, options: HttpServerOptions): void {
  const { tlsCert } = options;
  if (tlsCert === undefined || !(server instanceof TlsServer)) return;
  watchFile(tlsCert, { interval: TLS_POLL_MS, persistent: false }, () => {
    try {
      server.setSecureContext(readTls(options) ?? {});
      httpLogger.info('certificate read again');
    } catch (error) {
      httpLogger.error({ cause: describeError(error) }, 'the new certificate cannot be used; the old one stays');
    }
  });
  server.once('close', () => unwatchFile(tlsCert));
}
