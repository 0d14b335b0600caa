import { networkInterfaces } from 'node:os';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { createHttpServer } from '../../src/http/http-server.ts';
import { addMetricsRoute, MetricsServer, observeRequests } from '../../src/http/metrics-routes.ts';
import { GatewayMetrics } from '../../src/metrics/gateway-metrics.ts';
import { suite } from '../support/suite.ts';
import { type MetricFamily, parseMetricsText } from './metrics-text.ts';

const test = suite('metrics');

const read = async (metrics: GatewayMetrics): Promise<ReadonlyMap<string, MetricFamily>> =>
  parseMetricsText(await metrics.text());
const value = (families: ReadonlyMap<string, MetricFamily>, sample: string): number | undefined => {
  for (const { samples } of families.values()) if (samples.has(sample)) return samples.get(sample);
  return undefined;
};

test('everything the operator was promised is there, with a unit and a sentence', async () => {
  const families = await read(new GatewayMetrics());
  const ours = [...families.keys()].filter((name) => name.startsWith('tickgate_')).sort();
  assert.equal(ours, [
    'tickgate_auth_failures_total',
    'tickgate_buffer_oldest_age_seconds',
    'tickgate_buffer_ticks',
    'tickgate_commit_latency_seconds',
    'tickgate_condemned_total',
    'tickgate_connections',
    'tickgate_feeds',
    'tickgate_flush_duration_seconds',
    'tickgate_flush_failures_total',
    'tickgate_flush_rows',
    'tickgate_frames_accepted_total',
    'tickgate_http_request_duration_seconds',
    'tickgate_live_delivered_total',
    'tickgate_live_dropped_total',
    'tickgate_live_filled_total',
    'tickgate_live_frames_total',
    'tickgate_live_gaps_total',
    'tickgate_live_latency_seconds',
    'tickgate_live_resumes_total',
    'tickgate_live_send_queue_bytes',
    'tickgate_live_sent_bytes_total',
    'tickgate_live_subscribers',
    'tickgate_redis_reconnects_total',
    'tickgate_rejected_stored_total',
    'tickgate_reopens_total',
    'tickgate_ticks_accepted_total',
    'tickgate_ticks_committed_total',
    'tickgate_ticks_rejected_total',
    'tickgate_tokens_refused_rows',
    'tickgate_up',
  ]);
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds'])
    assert.ok(families.has(name));
});

test('what is told is what is read, and more of it is added', async () => {
  const metrics = new GatewayMetrics();
  metrics.onAccepted(500, 2);
  metrics.onAccepted(1, 1);
  metrics.onRejected('price_invalid');
  metrics.onReopen('state_lost');
  metrics.onSent(1_000, 3, 4_096);
  metrics.onDropped('slow', 7);
  metrics.onDropped('slow', 1);
  metrics.onGap('resume');
  metrics.onFilled(9);
  metrics.onResume('memory');
  metrics.onInvalidated();
  metrics.onFailure();
  const entry = (acceptedAtMs: number, ...counts: number[]) => ({
    content: { acceptedAtMs, frames: counts.map((count) => ({ count })) },
  });
  metrics.onFlush({
    rows: 60,
    rejected: 2,
    flushMs: 40,
    committedAtMs: 10_000,
    passed: [entry(9_950, 20, 30), entry(9_000, 10), entry(11_000, 1)],
  });
  metrics.onLatency(3, 100);
  metrics.onLatency(30_000, 2);
  const families = await read(metrics);
  const expected: Readonly<Record<string, number>> = {
    tickgate_ticks_accepted_total: 501,
    tickgate_frames_accepted_total: 3,
    'tickgate_ticks_rejected_total{reason="price_invalid"}': 1,
    'tickgate_ticks_rejected_total{reason="day_spread"}': 0,
    'tickgate_reopens_total{reason="state_lost"}': 1,
    tickgate_live_delivered_total: 1_000,
    tickgate_live_frames_total: 3,
    tickgate_live_sent_bytes_total: 4_096,
    'tickgate_live_dropped_total{reason="slow"}': 8,
    'tickgate_live_dropped_total{reason="buffer"}': 0,
    'tickgate_live_gaps_total{reason="resume"}': 1,
    'tickgate_live_resumes_total{origin="memory"}': 1,
    tickgate_live_filled_total: 9,
    tickgate_condemned_total: 1,
    tickgate_flush_failures_total: 1,
    tickgate_ticks_committed_total: 60,
    tickgate_rejected_stored_total: 2,
    'tickgate_flush_rows_bucket{le="100"}': 1,
    'tickgate_flush_rows_bucket{le="10"}': 0,
    'tickgate_flush_duration_seconds_bucket{le="0.05"}': 1,
    'tickgate_commit_latency_seconds_bucket{le="0.01"}': 1,
    'tickgate_commit_latency_seconds_bucket{le="0.05"}': 51,
    'tickgate_commit_latency_seconds_bucket{le="0.8"}': 51,
    tickgate_commit_latency_seconds_count: 61,
    tickgate_commit_latency_seconds_sum: 0.05 * 50 + 10,
    'tickgate_live_latency_seconds_bucket{le="0.002"}': 0,
    'tickgate_live_latency_seconds_bucket{le="0.004"}': 100,
    'tickgate_live_latency_seconds_bucket{le="10"}': 100,
    'tickgate_live_latency_seconds_bucket{le="+Inf"}': 102,
  };
  for (const [sample, number] of Object.entries(expected)) assert.is(value(families, sample), number, sample);
  metrics.onAccepted(1, 1);
  assert.is(value(await read(metrics), 'tickgate_ticks_accepted_total'), 502);
});

test('what nobody named is left out, and comes when somebody does', async () => {
  const metrics = new GatewayMetrics();
  for (const sample of ['tickgate_connections', 'tickgate_buffer_ticks', 'tickgate_up{dependency="redis"}']) {
    assert.is(value(await read(metrics), sample), undefined);
  }
  let asked = 0;
  metrics.watch({ connections: () => 3, feeds: () => 1, subscribers: () => 2, sendQueueBytes: () => 77 });
  metrics.watch({
    redisReconnects: () => ({ write: 4 }),
    dependencies: () => ({ redis: true, timescaledb: false }),
    buffer: async () => ({ ticks: ++asked * 10, oldestAgeMs: 1_500 }),
  });
  const families = await read(metrics);
  const expected: Readonly<Record<string, number>> = {
    tickgate_connections: 3,
    tickgate_feeds: 1,
    tickgate_live_subscribers: 2,
    tickgate_live_send_queue_bytes: 77,
    'tickgate_redis_reconnects_total{role="write"}': 4,
    'tickgate_up{dependency="redis"}': 1,
    'tickgate_up{dependency="timescaledb"}': 0,
    tickgate_buffer_ticks: 10,
    tickgate_buffer_oldest_age_seconds: 1.5,
  };
  for (const [sample, number] of Object.entries(expected)) assert.is(value(families, sample), number, sample);
  assert.is(value(await read(metrics), 'tickgate_buffer_ticks'), 20);
});

test('a buffer that fails or hangs leaves its numbers out, and the others come', async () => {
  for (const buffer of [() => Promise.reject(new Error('down')), () => new Promise<never>(() => undefined)]) {
    const metrics = new GatewayMetrics();
    metrics.watch({ buffer, connections: () => 5 });
    const families = await read(metrics);
    assert.is(value(families, 'tickgate_buffer_ticks'), undefined);
    assert.is(value(families, 'tickgate_buffer_oldest_age_seconds'), undefined);
    assert.is(value(families, 'tickgate_connections'), 5);
  }
});

test('reasons without an end do not become series without an end', async () => {
  const metrics = new GatewayMetrics();
  for (let i = 0; i < 1_000; i++) metrics.onReopen(`reason "${i}"\n\\`);
  const reopens = (await read(metrics)).get('tickgate_reopens_total')?.samples ?? new Map<string, number>();
  assert.is(reopens.size, 65);
  assert.is(
    [...reopens.values()].reduce((sum, each) => sum + each),
    1_000,
  );
});

test('strangers and proxies are refused on the gateway’s own port', async () => {
  const metrics = new GatewayMetrics();
  const app = createHttpServer(loadConfig({}));
  observeRequests(app, metrics);
  addMetricsRoute(app, metrics);
  const ask = (headers: Record<string, string>, remoteAddress: string) =>
    app.inject({ url: '/metrics', headers, remoteAddress });
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    const answer = await ask({}, address);
    assert.is(answer.statusCode, 200);
    assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4; charset=utf-8$/);
    assert.ok(parseMetricsText(answer.body).size > 20);
  }
  for (const address of ['10.0.0.7', '203.0.113.5', '2001:db8::1']) assert.is((await ask({}, address)).statusCode, 403);
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) {
    assert.is((await ask({ [header]: '203.0.113.5' }, '127.0.0.1')).statusCode, 403, header);
  }
  await app.inject('/wp-admin');
  const families = await read(metrics);
  assert.is(value(families, 'tickgate_http_request_duration_seconds_count{route="/metrics",status="200"}'), 3);
  assert.is(value(families, 'tickgate_http_request_duration_seconds_count{route="/metrics",status="403"}'), 7);
  assert.is(value(families, 'tickgate_http_request_duration_seconds_count{route="none",status="404"}'), 1);
  await app.close();
});

test('a port of its own answers whoever reaches it', async () => {
  const metrics = new GatewayMetrics();
  await using server = await MetricsServer.start('0.0.0.0', 0, metrics);
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const host = addresses.find((each) => each.family === 'IPv4' && !each.internal)?.address ?? '127.0.0.1';
  const answer = await fetch(`http://${host}:${server.port}/metrics`);
  assert.is(answer.status, 200);
  assert.ok(parseMetricsText(await answer.text()).has('tickgate_up'));
  assert.is((await fetch(`http://${host}:${server.port}/api/symbols`)).status, 404);
  try {
    await MetricsServer.start('0.0.0.0', server.port, metrics);
    assert.unreachable('the port was taken twice');
  } catch (error) {
    assert.match(String(error), 'UsageError');
  }
});

const BAD_TEXTS: Readonly<Record<string, string>> = {
  'no end': '# HELP a x\n# TYPE a gauge\na 1',
  'no type': '# HELP a x\na 1\n',
  'no help': '# TYPE a gauge\na 1\n',
  'a type nobody knows': '# HELP a x\n# TYPE a speed\na 1\n',
  'another name': '# HELP a x\n# TYPE a gauge\nb 1\n',
  twice: '# HELP a x\n# TYPE a gauge\na 1\na 1\n',
  'no number': '# HELP a x\n# TYPE a gauge\na one\n',
  'an open quote': '# HELP a x\n# TYPE a gauge\na{b="c} 1\n',
  'a bucket that shrinks':
    '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  'no +Inf': '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 1\nh_count 2\n',
  'a count that differs': '# HELP h x\n# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 3\n',
};
for (const [what, text] of Object.entries(BAD_TEXTS)) {
  test(`the parser of these tests notices ${what}`, () => {
    assert.throws(() => parseMetricsText(text));
  });
}
