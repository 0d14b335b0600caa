import { BackendUsage } from './backend-usage.ts';
import { copyFileOf, copyRows, emptyBuffer, freshTables, type BenchContext, stopProfiled } from './bench-context.ts';
import { startBenchGateway } from './bench-gateway.ts';
import { MAX_IN_FLIGHT, STEADY_TICKS_A_SECOND } from './bench-size.ts';
import { USUAL_SHAPE } from './bench-ticks.ts';
import { driveFeed, type Percentiles } from './drive-feed.ts';
import { FrameRing } from './frame-ring.ts';
import { runLoadProcess, USUAL_LOAD } from './load-process.ts';
import { median } from './statistics.ts';

/** From a feed to committed rows, gateway and flush in one process, one feed, everything on this machine. */
export interface EndToEndRow {
  readonly frameTicks: number;
  readonly seconds: number;
  /** As fast as it goes, within the window that the gateway gives. */
  readonly ticksPerSecond: number;
  /** Of the same rows, before and after: median. */
  readonly copyRowsPerSecond: number;
  readonly ackMs: Percentiles;
  readonly committedMs: Percentiles;
  readonly gatewayCpuMicrosPerTick: number;
  readonly backendCpuMicrosPerTick: number | undefined;
  readonly gatewayPeakBytes: number;
  readonly steady: SteadyRow;
}

/** At a fixed rate, from the instant at which a frame was due. */
export interface SteadyRow {
  readonly ticksPerSecond: number;
  readonly ackMs: Percentiles;
  readonly committedMs: Percentiles;
  readonly failures: readonly string[];
}

const FRAME_TICKS = 500;
const WARM_UP_MS = 2_000;
const SAMPLE_MS = 200;
const MICROS = 1_000_000;

export async function benchEndToEnd(context: BenchContext): Promise<EndToEndRow> {
  const { size } = context;
  const path = copyFileOf(context, size.flushRows, USUAL_SHAPE, 'arrival');
  const copySeconds = [await timeCopy(context, path), await timeCopy(context, path)];
  const sustained = await sustain(context);
  copySeconds.push(await timeCopy(context, path));
  const copyRowsPerSecond = size.flushRows / median(copySeconds);
  const share = sustained.ticksPerSecond / copyRowsPerSecond;
  context.say(
    `  sustained ${Math.round(sustained.ticksPerSecond).toLocaleString('en')} ticks/s, ${share.toFixed(2)} × \\copy`,
  );
  const steady = await steadyRun(context);
  context.say(`  at ${steady.ticksPerSecond} ticks/s: committed p99 ${steady.committedMs.p99.toFixed(0)} ms`);
  return { ...sustained, copyRowsPerSecond, steady };
}

async function timeCopy(context: BenchContext, path: string): Promise<number> {
  await freshTables(context);
  return (await copyRows(context, path)).wallSeconds;
}

async function sustain(context: BenchContext): Promise<Omit<EndToEndRow, 'copyRowsPerSecond' | 'steady'>> {
  await freshTables(context);
  await emptyBuffer(context);
  const isProfiled = context.onProfile !== undefined;
  const gateway = await startBenchGateway(context, { flush: true, isProfiled });
  const usage = new BackendUsage(context.market.db, 'tickgate-flush', 'now');
  let peak = 0;
  const sampler = setInterval(() => (peak = Math.max(peak, gateway.residentBytes())), SAMPLE_MS);
  try {
    const cpuBefore = gateway.cpuSeconds();
    const driven = await driveFeed({
      url: gateway.url,
      feed: 'sustained',
      ring: new FrameRing({ slots: MAX_IN_FLIGHT, frameTicks: FRAME_TICKS, shape: USUAL_SHAPE }),
      maxInFlight: MAX_IN_FLIGHT,
      durationMs: context.size.sustainedMs + WARM_UP_MS,
      warmUpMs: WARM_UP_MS,
      untilCommitted: true,
    });
    const backendSeconds = await usage.stop();
    return {
      frameTicks: FRAME_TICKS,
      seconds: driven.seconds,
      ticksPerSecond: driven.committedTicksPerSecond,
      ackMs: driven.ackMs,
      committedMs: driven.committedMs,
      gatewayCpuMicrosPerTick: ((gateway.cpuSeconds() - cpuBefore) * MICROS) / driven.sentTicks,
      backendCpuMicrosPerTick: backendSeconds === undefined ? undefined : (backendSeconds * MICROS) / driven.sentTicks,
      gatewayPeakBytes: peak,
    };
  } finally {
    clearInterval(sampler);
    await usage.stop();
    await stopProfiled(context, gateway, 'feed to committed');
    await freshTables(context);
    await emptyBuffer(context);
  }
}

async function steadyRun(context: BenchContext): Promise<SteadyRow> {
  await using gateway = await startBenchGateway(context, { flush: true });
  const result = await runLoadProcess(context, {
    ...USUAL_LOAD,
    url: gateway.url,
    rate: STEADY_TICKS_A_SECOND,
    durationMs: context.size.steadyMs,
  });
  const { ackMs, committedMs, failures } = result;
  return { ticksPerSecond: STEADY_TICKS_A_SECOND, ackMs, committedMs, failures };
}
