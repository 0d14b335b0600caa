import { type BenchContext, emptyBuffer, freshTables, stopProfiled } from './bench-context.ts';
import { startBenchGateway } from './bench-gateway.ts';
import { LIVE_RUNS } from './bench-size.ts';
import type { Percentiles } from './drive-feed.ts';
import { runLoadProcess, USUAL_LOAD } from './load-process.ts';

/** Ticks to dashboards while they are stored too. */
export interface LiveRow {
  readonly name: string;
  readonly ticksPerSecond: number;
  readonly deliveriesPerSecond: number;
  /** From the instant at which a tick was due to a subscriber that has read it. */
  readonly deliveryMs: Percentiles;
  readonly bytesPerDelivery: number;
  readonly messagesPerSecond: number;
  readonly gatewayCpuMicrosPerDelivery: number;
  readonly gatewayResidentBytes: number;
  readonly failures: readonly string[];
}

const MICROS = 1_000_000;
/** Until then the programs of 500 dashboards are still being compiled, on either side. */
const WARM_UP_MS = 5_000;

export async function benchLive(context: BenchContext): Promise<LiveRow[]> {
  const rows: LiveRow[] = [];
  for (const { name, subscribers, subscribe, rate } of LIVE_RUNS) {
    await emptyBuffer(context);
    await freshTables(context);
    const isProfiled = context.onProfile !== undefined;
    const settings = { MAX_UNAUTHENTICATED_PER_ADDRESS: '10000' };
    const gateway = await startBenchGateway(context, { flush: true, isProfiled, settings });
    try {
      const cpuBefore = gateway.cpuSeconds();
      const durationMs = context.size.liveMs;
      const result = await runLoadProcess(context, {
        ...USUAL_LOAD,
        url: gateway.url,
        rate,
        subscribers,
        subscribe,
        durationMs,
        warmUpMs: WARM_UP_MS,
      });
      rows.push({
        name,
        ticksPerSecond: rate,
        deliveriesPerSecond: result.deliveriesPerSecond,
        deliveryMs: result.deliveryMs,
        bytesPerDelivery: result.deliveredBytes / result.deliveries,
        messagesPerSecond: result.deliveredMessages / result.seconds,
        gatewayCpuMicrosPerDelivery: ((gateway.cpuSeconds() - cpuBefore) * MICROS) / result.deliveries,
        gatewayResidentBytes: gateway.residentBytes(),
        failures: result.failures,
      });
      const rate_ = Math.round(result.deliveriesPerSecond).toLocaleString('en');
      context.say(`  ${name}: ${rate_} deliveries/s, p99 ${result.deliveryMs.p99.toFixed(1)} ms`);
    } finally {
      await stopProfiled(context, gateway, `live, ${name}`);
    }
  }
  return rows;
}
