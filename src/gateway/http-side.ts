import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { AccessTokens } from '../http/access-tokens.ts';
import { addApiRoutes } from '../http/api-routes.ts';
import type { AuthFailure } from '../http/auth-failures.ts';
import { addMetricsRoute, MetricsServer, observeRequests } from '../http/metrics-routes.ts';
import { addPageRoutes } from '../http/page-routes.ts';
import type { GatewayMetrics } from '../metrics/gateway-metrics.ts';
import { readPageProgram } from '../stack/page-bundle.ts';
import type { StoredData } from './stored-data.ts';

export interface HttpSideParts {
  readonly tokens: AccessTokens;
  readonly metrics: GatewayMetrics;
  readonly stored: StoredData;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly onAuthFailed: (failure: AuthFailure) => void;
}

/** HTTP side of a gateway, beside its health: the API over stored ticks, its metrics, and the page. */
export class HttpSide implements AsyncDisposable {
  readonly #config: Config;
  readonly #metrics: GatewayMetrics;
  #metricsServer: MetricsServer | undefined;

  /** Adds the routes to `app`, before it listens. */
  constructor(app: FastifyInstance, config: Config, parts: HttpSideParts) {
    const { tokens, metrics, stored: queries, allowedOrigins, onAuthFailed } = parts;
    this.#config = config;
    this.#metrics = metrics;
    observeRequests(app, metrics);
    if (config.metricsPort === 0) addMetricsRoute(app, metrics);
    const { barsTimeZone: timeZone } = config;
    addApiRoutes(app, { queries, tokens, limits: config, timeZone, allowedOrigins, onAuthFailed });
    addPageRoutes(app, readPageProgram);
  }

  /** Listens for metrics, where they have a port of their own. @throws {UsageError} when it is taken */
  async listen(): Promise<void> {
    const { metricsPort, gatewayHost } = this.#config;
    if (metricsPort !== 0) this.#metricsServer = await MetricsServer.start(gatewayHost, metricsPort, this.#metrics);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#metricsServer?.[Symbol.asyncDispose]();
  }
}
