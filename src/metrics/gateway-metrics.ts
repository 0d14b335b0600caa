import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { exportSources, type MetricSources } from './metric-sources.ts';
import { addTo, exportTotals, newTotals } from './metric-totals.ts';
import { WeightedHistogram } from './weighted-histogram.ts';

/** A committed flush, as the coordinator reports it. */
export interface MeasuredFlush {
  readonly rows: number;
  readonly rejected: number;
  readonly flushMs: number;
  readonly committedAtMs: number;
  /** Entries of the stream that it has dealt with. */
  readonly passed: ReadonlyArray<{
    readonly content: { readonly acceptedAtMs: number; readonly frames: ReadonlyArray<{ readonly count: number }> };
  }>;
}

const LIVE_SECONDS = [0.001, 0.002, 0.004, 0.008, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const COMMIT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 15, 30, 60, 300];
const FLUSH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const FLUSH_ROWS = [1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Metrics of a Tickgate process. The `on…` methods are called on the hot path and only add to numbers; everything else
 * is done with each scrape. It implements the observers of all stages: each stage names its own events.
 */
export class GatewayMetrics {
  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #totals = newTotals();
  readonly #liveLatency = new WeightedHistogram(
    'tickgate_live_latency_seconds',
    'Time from the oldest tick of a frame accepted to handed to a socket, once a tick and dashboard, by both gateways’ clocks.',
    LIVE_SECONDS,
  );
  readonly #commitLatency = new WeightedHistogram(
    'tickgate_commit_latency_seconds',
    'Time from a tick accepted to committed in TimescaleDB, by the clocks of gateway and coordinator.',
    COMMIT_SECONDS,
  );
  readonly #flushDuration: Histogram;
  readonly #flushRows: Histogram;
  readonly #requests: Histogram<'route' | 'status'>;
  readonly #authFailures: Counter<'endpoint' | 'reason'>;
  #sources: MetricSources = {};

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    // Gauges that call themselves totals, each the sum of another metric: `promtool check metrics` refuses them.
    for (const kind of ['handles', 'requests', 'resources'])
      this.#registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    exportTotals(this.#registry, this.#totals);
    exportSources(this.#registry, () => this.#sources);
    this.#flushDuration = new Histogram({
      name: 'tickgate_flush_duration_seconds',
      help: 'Time of a flush that committed, from its begin to its commit.',
      buckets: FLUSH_SECONDS,
      registers,
    });
    this.#flushRows = new Histogram({
      name: 'tickgate_flush_rows',
      help: 'Ticks that one flush stored.',
      buckets: FLUSH_ROWS,
      registers,
    });
    this.#authFailures = new Counter({
      name: 'tickgate_auth_failures_total',
      help: 'Authentications that failed, by endpoint and reason.',
      labelNames: ['endpoint', 'reason'],
      registers,
    });
    this.#requests = new Histogram({
      name: 'tickgate_http_request_duration_seconds',
      help: 'Time to answer a plain HTTP request.',
      labelNames: ['route', 'status'],
      buckets: REQUEST_SECONDS,
      registers,
    });
  }

  /** Adds sources of gauges: numbers that are read with each scrape. */
  watch(sources: MetricSources): void {
    this.#sources = { ...this.#sources, ...sources };
  }

  /** Everything in Prometheus's text format. */
  async text(): Promise<string> {
    const histograms = [this.#liveLatency, this.#commitLatency].map((each) => `${each.toText()}\n`);
    return [await this.#registry.metrics(), ...histograms].join('\n');
  }

  readonly onAccepted = (ticks: number, frames: number): void => {
    this.#totals.accepted += ticks;
    this.#totals.acceptedFrames += frames;
  };
  readonly onRejected = (reason: string): void => addTo(this.#totals.rejected, reason);
  readonly onReopen = (reason: string): void => addTo(this.#totals.reopens, reason);

  readonly onFlush = (flush: MeasuredFlush): void => {
    this.#totals.committed += flush.rows;
    this.#totals.rejectedStored += flush.rejected;
    this.#flushDuration.observe(flush.flushMs / 1_000);
    this.#flushRows.observe(flush.rows);
    for (const { content } of flush.passed) {
      let ticks = 0;
      for (const frame of content.frames) ticks += frame.count;
      this.#commitLatency.observe(Math.max(0, flush.committedAtMs - content.acceptedAtMs) / 1_000, ticks);
    }
  };
  readonly onFailure = (): void => {
    this.#totals.flushFailures += 1;
  };
  readonly onInvalidated = (): void => {
    this.#totals.invalidated += 1;
  };

  readonly onSent = (deliveries: number, frames: number, bytes: number): void => {
    this.#totals.delivered += deliveries;
    this.#totals.liveFrames += frames;
    this.#totals.liveBytes += bytes;
  };
  readonly onLatency = (latencyMs: number, ticks: number): void =>
    this.#liveLatency.observe(Math.max(0, latencyMs) / 1_000, ticks);
  readonly onDropped = (reason: string, deliveries: number): void => addTo(this.#totals.dropped, reason, deliveries);
  readonly onGap = (reason: string): void => addTo(this.#totals.gaps, reason);
  readonly onFilled = (entries: number): void => {
    this.#totals.filled += entries;
  };
  readonly onResume = (origin: string): void => addTo(this.#totals.resumes, origin);

  readonly onAuthFailed = (endpoint: string, reason: string): void => this.#authFailures.inc({ endpoint, reason });

  /** @param route as it was declared, never the requested address: a scanner would make a time series with each */
  readonly onRequest = (route: string, status: number, durationMs: number): void =>
    this.#requests.observe({ route, status: String(status) }, durationMs / 1_000);
}
