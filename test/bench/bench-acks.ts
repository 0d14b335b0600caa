import { type BenchContext, emptyBuffer, stopProfiled, streamBytes, UNBOUNDED } from './bench-context.ts';
import { startBenchGateway } from './bench-gateway.ts';
import { FRAME_SIZES, MAX_IN_FLIGHT } from './bench-size.ts';
import { USUAL_SHAPE } from './bench-ticks.ts';
import { driveFeed, type Percentiles } from './drive-feed.ts';
import { FrameRing } from './frame-ring.ts';

/** Ticks acknowledged: one connection, 2,000 frames in flight, nothing flushed meanwhile. */
export interface AckRow {
  readonly frameTicks: number;
  readonly ticksPerSecond: number;
  readonly framesPerSecond: number;
  readonly ackMs: Percentiles;
  readonly gatewayCpuMicrosPerTick: number;
  readonly redisBytesPerTick: number;
  readonly scriptCallsPerFrame: number;
  readonly gatewayResidentBytes: number;
}

const WARM_UP_MS = 1_000;
const MICROS = 1_000_000;

export async function benchAcks(context: BenchContext): Promise<AckRow[]> {
  const rows: AckRow[] = [];
  for (const frameTicks of FRAME_SIZES) {
    rows.push(await ackRow(context, frameTicks));
    const row = rows.at(-1);
    context.say(`  frames of ${frameTicks}: ${Math.round(row?.ticksPerSecond ?? 0).toLocaleString('en')} ticks/s`);
  }
  return rows;
}

async function ackRow(context: BenchContext, frameTicks: number): Promise<AckRow> {
  await emptyBuffer(context);
  const isProfiled = context.onProfile !== undefined;
  const gateway = await startBenchGateway(context, { flush: false, settings: UNBOUNDED, isProfiled });
  try {
    const ring = new FrameRing({ slots: MAX_IN_FLIGHT * 2, frameTicks, shape: USUAL_SHAPE });
    const cpuBefore = gateway.cpuSeconds();
    const driven = await driveFeed({
      url: gateway.url,
      feed: `acks-${frameTicks}`,
      ring,
      maxInFlight: MAX_IN_FLIGHT,
      durationMs: context.size.ackMs + WARM_UP_MS,
      warmUpMs: WARM_UP_MS,
      untilCommitted: false,
    });
    return {
      frameTicks,
      ticksPerSecond: driven.ackedTicksPerSecond,
      framesPerSecond: driven.ackedFramesPerSecond,
      ackMs: driven.ackMs,
      gatewayCpuMicrosPerTick: ((gateway.cpuSeconds() - cpuBefore) * MICROS) / driven.sentTicks,
      redisBytesPerTick: (await streamBytes(context)) / driven.sentTicks,
      scriptCallsPerFrame: (await appendedEntries(context)) / driven.sentFrames,
      gatewayResidentBytes: gateway.residentBytes(),
    };
  } finally {
    await stopProfiled(context, gateway, `acks, frames of ${frameTicks}`);
    await emptyBuffer(context);
  }
}

/** Entries ever added to the stream: an append is one script call and one entry. */
export async function appendedEntries({ market }: BenchContext): Promise<number> {
  const info: unknown = await market.redis.xinfo('STREAM', `{${market.prefix}}:ticks:stream`);
  const fields: unknown[] = Array.isArray(info) ? info : [];
  return Number(fields[fields.indexOf('entries-added') + 1]);
}
