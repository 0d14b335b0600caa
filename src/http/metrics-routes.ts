import { fastify, type FastifyInstance } from 'fastify';
import { describeError, UsageError } from '../errors.ts';
import { isLoopbackHost, isLoopbackName } from './client-address.ts';
import { assertDeadlines, createHardenedServer, type HardenedServerOptions } from './hardened-server.ts';
import { isLocalRequest } from './local-request.ts';
import { addSafeHeaders } from './safe-headers.ts';

/** Answer to a scrape. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface RequestObserver {
  onRequest(route: string, status: number, durationMs: number): void;
}

/** Adds `/metrics`, for programs on this machine only. */
export function addMetricsRoute(app: FastifyInstance, source: MetricsSource): void {
  app.get('/metrics', async (request, reply) => {
    if (!isLocalRequest(request)) {
      return reply.code(403).send({
        error: 'metrics are for programs on the machine of the gateway',
        remedy: 'the operator sets METRICS_PORT to give them a port of their own',
      });
    }
    return reply
      .header('Cache-Control', 'no-store')
      .type(source.contentType)
      .send(await source.text());
  });
}

/** Tells how long each plain request took, by route. */
export function observeRequests(app: FastifyInstance, observer: RequestObserver): void {
  app.addHook('onResponse', async (request, reply) => {
    observer.onRequest(request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime);
  });
}

/** Bounds of the port for metrics: scrapers are few. */
const BOUNDS: HardenedServerOptions = {
  trustProxy: false,
  maxHeaderBytes: 8 * 1024,
  headersDeadlineMs: 5_000,
  answerDeadlineMs: 30_000,
  maxConnections: 0,
  maxPlainSockets: 200,
  maxPlainPerAddress: 50,
  maxConnectingPerAddress: 50,
};

/** Metrics on a port of their own: it answers `/metrics` to all that reach it, and nothing else. */
export class MetricsServer implements AsyncDisposable {
  readonly #app: FastifyInstance;

  private constructor(app: FastifyInstance) {
    this.#app = app;
  }

  get port(): number {
    const address = this.#app.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** @throws {UsageError} when the port is taken */
  static async start(host: string, port: number, source: MetricsSource): Promise<MetricsServer> {
    const app = fastify({
      logger: false,
      forceCloseConnections: true,
      serverFactory: (handler) => createHardenedServer(BOUNDS, undefined, handler),
    });
    app.addHook('onReady', async () => assertDeadlines(app.server, BOUNDS));
    addSafeHeaders(app);
    // DNS rebinding: on loopback only a name of this machine will do.
    if (isLoopbackName(host)) {
      app.addHook('onRequest', async (request, reply) => {
        if (!isLoopbackHost(request.headers.host ?? '')) {
          await reply.code(403).send({ error: 'this port answers to localhost only' });
        }
      });
    }
    app.get('/metrics', async (_request, reply) =>
      reply
        .header('Cache-Control', 'no-store')
        .type(source.contentType)
        .send(await source.text()),
    );
    try {
      await app.listen({ host, port });
    } catch (cause) {
      throw new UsageError(`cannot listen for metrics on ${host}:${port}: ${describeError(cause)}`, {
        remedy: 'choose another METRICS_PORT, or stop what listens there',
        cause,
      });
    }
    return new MetricsServer(app);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app.close();
  }
}
