import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { Flusher, flushObserver } from '../gateway/flusher.ts';
import type { MetricsServer } from '../http/metrics-routes.ts';
import { GatewayMetrics } from '../metrics/gateway-metrics.ts';
import { secondsBetween } from './options.ts';
import { print, untilSignal } from './terminal.ts';

const MAX_INTERVAL_SECONDS = 3_600;

export function registerDaemon(program: Command): void {
  program
    .command('daemon')
    .description('the flush coordinator alone; several are standbys of each other')
    .option(
      '--flush-interval <seconds>',
      'longest time a tick waits for a flush (default: FLUSH_INTERVAL_MS)',
      secondsBetween(0.001, MAX_INTERVAL_SECONDS),
    )
    .action(async (options: { readonly flushInterval?: number }, command: Command) => {
      const config = loadConfig(process.env);
      const flushIntervalMs =
        options.flushInterval === undefined ? config.flushIntervalMs : options.flushInterval * 1000;
      const metrics = new GatewayMetrics();
      const { metricsPort, gatewayHost } = config;
      await using _server = metricsPort === 0 ? null : await serveMetrics(gatewayHost, metricsPort, metrics);
      const flusher = new Flusher({ ...config, flushIntervalMs }, flushObserver(metrics));
      metrics.watch({ redisReconnects: () => flusher.redisReconnects });
      flusher.start();
      print(command, `flushing every ${flushIntervalMs / 1000} s`, { flushIntervalMs });
      await untilSignal();
      await flusher[Symbol.asyncDispose]();
    });
}

/** A web server is loaded only where one is asked for. */
async function serveMetrics(host: string, port: number, metrics: GatewayMetrics): Promise<MetricsServer> {
  const { MetricsServer } = await import('../http/metrics-routes.ts');
  return MetricsServer.start(host, port, metrics);
}
