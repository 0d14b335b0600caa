import { type BenchContext, emptyBuffer, freshTables, streamBytes, UNBOUNDED } from './bench-context.ts';
import { startBenchGateway } from './bench-gateway.ts';
import { FRAME_SIZES, MAX_IN_FLIGHT, SMALL_FRAMES_A_SECOND } from './bench-size.ts';
import { type TickShape, USUAL_SHAPE } from './bench-ticks.ts';
import { driveFeed } from './drive-feed.ts';
import { FrameRing } from './frame-ring.ts';
import { mean } from './statistics.ts';

export interface MemoryResult {
  readonly redisBytesPerTick: ReadonlyArray<{ readonly frameTicks: number; readonly bytes: number }>;
  readonly soak: SoakResult;
}

/** A gateway under half of its maximum rate for a long time. */
export interface SoakResult {
  readonly ticksPerSecond: number;
  readonly seconds: number;
  /** One sample a second. */
  readonly residentBytes: readonly number[];
  /** Means of the first and the last minute, the first without its start. */
  readonly firstMinuteBytes: number;
  readonly lastMinuteBytes: number;
  readonly peakBytes: number;
}

const SMALL_FRAMES_MS = 3_000;
const FRAMES_MEASURED = 20_000;
const SAMPLE_MS = 1_000;
const SAMPLES_A_MINUTE = 60;
const FRAME_TICKS = 500;
/** Ten times apart: a day is full sooner, and its chunk can go while the run goes on. */
const SOAK_SHAPE: TickShape = { ...USUAL_SHAPE, microsATick: 10_000 };
const DROP_EVERY_MS = 20_000;

/** @param maxTicksPerSecond what the gateway sustained before */
export async function benchMemory(context: BenchContext, maxTicksPerSecond: number): Promise<MemoryResult> {
  const redisBytesPerTick: Array<{ frameTicks: number; bytes: number }> = [];
  for (const frameTicks of FRAME_SIZES) {
    const bytes = await bytesPerTick(context, frameTicks);
    redisBytesPerTick.push({ frameTicks, bytes });
    context.say(`  Redis, frames of ${frameTicks}: ${bytes.toFixed(1)} bytes a tick`);
  }
  const soak = await soakRun(context, maxTicksPerSecond / 2);
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  context.say(`  gateway: ${mib(soak.firstMinuteBytes)} in the first minute, ${mib(soak.lastMinuteBytes)} in the last`);
  return { redisBytesPerTick, soak };
}

async function bytesPerTick(context: BenchContext, frameTicks: number): Promise<number> {
  await emptyBuffer(context);
  await using gateway = await startBenchGateway(context, { flush: false, settings: UNBOUNDED });
  const isSmall = frameTicks === 1;
  const { sentTicks } = await driveFeed({
    url: gateway.url,
    feed: `memory-${frameTicks}`,
    ring: new FrameRing({ slots: MAX_IN_FLIGHT, frameTicks, shape: USUAL_SHAPE }),
    maxInFlight: MAX_IN_FLIGHT,
    durationMs: isSmall ? SMALL_FRAMES_MS : 60_000,
    maxFrames: isSmall ? undefined : FRAMES_MEASURED / (frameTicks / 50),
    maxFramesPerSecond: isSmall ? SMALL_FRAMES_A_SECOND : undefined,
    untilCommitted: false,
  });
  const bytes = (await streamBytes(context)) / sentTicks;
  await emptyBuffer(context);
  return bytes;
}

async function soakRun(context: BenchContext, ticksPerSecond: number): Promise<SoakResult> {
  await freshTables(context);
  await using gateway = await startBenchGateway(context, { flush: true });
  const residentBytes: number[] = [];
  const sampler = setInterval(() => residentBytes.push(gateway.residentBytes()), SAMPLE_MS);
  const dropper = setInterval(() => void dropFullDays(context).catch(() => undefined), DROP_EVERY_MS);
  try {
    const driven = await driveFeed({
      url: gateway.url,
      feed: 'soak',
      ring: new FrameRing({ slots: MAX_IN_FLIGHT, frameTicks: FRAME_TICKS, shape: SOAK_SHAPE }),
      maxInFlight: MAX_IN_FLIGHT,
      durationMs: context.size.soakMs,
      maxFramesPerSecond: ticksPerSecond / FRAME_TICKS,
      untilCommitted: true,
    });
    const first = residentBytes.slice(SAMPLES_A_MINUTE / 4, SAMPLES_A_MINUTE);
    return {
      ticksPerSecond: driven.sentTicks / driven.seconds,
      seconds: driven.seconds,
      residentBytes,
      firstMinuteBytes: mean(first.length > 0 ? first : residentBytes),
      lastMinuteBytes: mean(residentBytes.slice(-SAMPLES_A_MINUTE)),
      peakBytes: Math.max(...residentBytes),
    };
  } finally {
    clearInterval(sampler);
    clearInterval(dropper);
    await gateway.stop();
    await freshTables(context);
    await emptyBuffer(context);
  }
}

/** What is stored is not looked at again, so the disk need not hold all of it. */
async function dropFullDays({ market }: BenchContext): Promise<void> {
  const table = `${market.prefix}_ticks`;
  await market.db.query(
    `SELECT drop_chunks('${table}', (SELECT max(range_start) FROM timescaledb_information.chunks WHERE hypertable_name = '${table}'))`,
  );
}
