import type { LatencySummary } from './latency.ts';
import type { LoadPlan } from './load-plan.ts';

/** Outcome of a load test: the same for people and programs. */
export interface LoadResult {
  readonly plan: Omit<LoadPlan, 'token'>;
  /** From the first frame due to the last one due. */
  readonly seconds: number;
  readonly sentTicks: number;
  readonly sentTicksPerSecond: number;
  readonly ackedTicks: number;
  readonly committedTicks: number;
  /** Ticks that reached subscribers, all subscribers together. */
  readonly deliveries: number;
  readonly deliveriesPerSecond: number;
  readonly deliveredMessages: number;
  readonly deliveredBytes: number;
  /** All from the instant at which a frame was due. */
  readonly ackMs: LatencySummary;
  readonly committedMs: LatencySummary;
  readonly deliveryMs: LatencySummary;
  /** Cost of the load test itself: it should be small, or it measures itself. */
  readonly ownLagMs: LatencySummary;
  readonly ownBusyShare: number;
  readonly ownCpuSeconds: number;
  /** Why the test failed; none where everything sent was acknowledged, committed and delivered. */
  readonly failures: readonly string[];
}

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const MILLISECONDS = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const LABEL_WIDTH = 22;
const COLUMN_WIDTH = 12;

/** The result as a table for a terminal. */
export function formatLoadResult(result: LoadResult): string {
  const { plan } = result;
  const row = (label: string, ...cells: readonly string[]): string =>
    `${label.padEnd(LABEL_WIDTH)}${cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join('')}`;
  const latency = (label: string, { count, p50, p90, p99, p999, max }: LatencySummary): string[] =>
    count === 0 ? [] : [row(label, ...[p50, p90, p99, p999, max].map((ms) => MILLISECONDS.format(ms)))];
  const lines = [
    `${plan.feeds} feeds, ${NUMBER.format(plan.rate)} ticks/s in frames of ${plan.frameTicks}, ${plan.symbols} symbols, ` +
      `${plan.subscribers} subscribers (${plan.subscribe === '*' ? 'every symbol' : `${plan.subscribe} symbols`}, ${plan.mode}, ${plan.codec}), ` +
      `${NUMBER.format(plan.durationMs / 1_000)} s after ${NUMBER.format(plan.warmUpMs / 1_000)} s of warm-up`,
    '',
    row('', 'ticks', 'ticks/s'),
    row('sent', NUMBER.format(result.sentTicks), NUMBER.format(result.sentTicksPerSecond)),
    row('acknowledged', NUMBER.format(result.ackedTicks)),
    row('committed', NUMBER.format(result.committedTicks)),
  ];
  if (plan.subscribers > 0) {
    const bytes = result.deliveries === 0 ? 0 : result.deliveredBytes / result.deliveries;
    lines.push(row('delivered', NUMBER.format(result.deliveries), NUMBER.format(result.deliveriesPerSecond)));
    lines.push(
      row('', `${NUMBER.format(result.deliveredMessages)} messages, ${MILLISECONDS.format(bytes)} bytes a tick`),
    );
  }
  lines.push(
    '',
    row('ms from due', 'p50', 'p90', 'p99', 'p99.9', 'max'),
    ...latency('to acknowledged', result.ackMs),
    ...latency('to committed', result.committedMs),
    ...latency('to a subscriber', result.deliveryMs),
    ...latency('to the load tool', result.ownLagMs),
    '',
    `the load tool itself was busy ${Math.round(result.ownBusyShare * 100)} % of the time`,
    ...(result.failures.length === 0
      ? [
          'everything sent was acknowledged, committed and delivered'.replace(
            plan.until === 'acked' ? ', committed' : '',
            '',
          ),
        ]
      : result.failures.map((failure) => `FAILED: ${failure}`)),
  );
  return lines.join('\n');
}
