import { BackendUsage } from './backend-usage.ts';
import { type BenchContext, emptyBuffer, freshTables, stopProfiled } from './bench-context.ts';
import { startBenchGateway } from './bench-gateway.ts';
import { MAX_IN_FLIGHT } from './bench-size.ts';
import { marketOf, type TickShape, USUAL_SHAPE } from './bench-ticks.ts';
import { driveFeed } from './drive-feed.ts';
import { FrameRing } from './frame-ring.ts';
import { storeRounds, summarize } from './store-rounds.ts';
import { median } from './statistics.ts';

/** How cost grows with what a deployment has more of. */
export interface GrowthResult {
  readonly feeds: ReadonlyArray<{
    readonly feeds: number;
    readonly gatewayCpuMicrosPerTick: number;
    readonly backendCpuMicrosPerTick: number | undefined;
  }>;
  readonly symbols: readonly GrowthRow[];
  /** So many symbols with a thousand ticks a second together: nearly every tick is another minute bar. */
  readonly quiet: GrowthRow;
  readonly days: readonly GrowthRow[];
  readonly batches: readonly GrowthRow[];
}

export interface GrowthRow {
  readonly of: number;
  readonly flushRowsPerSecond: number;
  readonly copyRowsPerSecond: number;
  readonly flushCpuMicrosPerRow: number;
  readonly backendCpuMicrosPerRow: number | undefined;
}

const FEEDS = [1, 10, 100] as const;
const SYMBOLS = [10, 100, 1_000, 10_000] as const;
const QUIET_SYMBOLS = 10_000;
const DAYS = [1, 10, 50] as const;
const BATCH_TICKS = [5_000, 20_000, 100_000, 500_000] as const;
const FEEDS_TICKS_A_SECOND = 100_000;
const FEEDS_FRAME_TICKS = 50;
const MICROS = 1_000_000;

export async function benchGrowth(context: BenchContext): Promise<GrowthResult> {
  const feeds: Array<GrowthResult['feeds'][number]> = [];
  for (const count of FEEDS) {
    const row = await costOfFeeds(context, count);
    feeds.push(row);
    context.say(`  ${count} feeds: gateway ${row.gatewayCpuMicrosPerTick.toFixed(2)} µs of processor a tick`);
  }
  const rows = async (what: string, of: number, shape: TickShape, settings = {}): Promise<GrowthRow> => {
    const row = await growthRow(context, of, shape, settings);
    context.say(`  ${of} ${what}: ${(row.flushRowsPerSecond / row.copyRowsPerSecond).toFixed(2)} × \\copy`);
    return row;
  };
  const symbols: GrowthRow[] = [];
  for (const count of stepsOf(context, SYMBOLS)) symbols.push(await rows('symbols', count, marketOf(count)));
  const quiet = await rows('symbols that hardly trade', QUIET_SYMBOLS, { ...USUAL_SHAPE, symbols: QUIET_SYMBOLS });
  const days: GrowthRow[] = [];
  for (const count of stepsOf(context, DAYS)) days.push(await rows('days', count, { ...USUAL_SHAPE, days: count }));
  const batches: GrowthRow[] = [];
  for (const ticks of stepsOf(context, BATCH_TICKS)) {
    batches.push(await rows('ticks a batch', ticks, USUAL_SHAPE, { FLUSH_MAX_TICKS: String(ticks) }));
  }
  return { feeds, symbols, quiet, days, batches };
}

/** A quick run looks at the ends only. */
function stepsOf({ size }: BenchContext, steps: readonly number[]): readonly number[] {
  return size.name === 'quick' ? [steps.at(0) ?? 1, steps.at(-1) ?? 1] : steps;
}

async function growthRow(
  context: BenchContext,
  of: number,
  shape: TickShape,
  settings: Readonly<Record<string, string>>,
): Promise<GrowthRow> {
  const { growthRows: rows, growthRounds: rounds } = context.size;
  const measured = await storeRounds(context, { rows, rounds, shape, copies: ['arrival'], settings });
  const flush = summarize(rows, measured.flushes);
  return {
    of,
    flushRowsPerSecond: flush?.rowsPerSecond ?? Number.NaN,
    copyRowsPerSecond: summarize(rows, measured.copies.arrival)?.rowsPerSecond ?? Number.NaN,
    flushCpuMicrosPerRow: (median(measured.flushes.map((each) => each.cpuSeconds)) * MICROS) / rows,
    backendCpuMicrosPerRow: flush?.backendCpuMicrosPerRow,
  };
}

/** The same ticks a second in frames of 50, from more and more feeds. */
export async function costOfFeeds(context: BenchContext, feeds: number): Promise<GrowthResult['feeds'][number]> {
  await freshTables(context);
  await emptyBuffer(context);
  const isProfiled = context.onProfile !== undefined;
  const gateway = await startBenchGateway(context, { flush: true, isProfiled });
  const usage = new BackendUsage(context.market.db, 'tickgate-flush', 'now');
  try {
    const cpuBefore = gateway.cpuSeconds();
    const slots = Math.ceil(MAX_IN_FLIGHT / feeds);
    const driven = await Promise.all(
      Array.from({ length: feeds }, (_, index) =>
        driveFeed({
          url: gateway.url,
          feed: `growth-${feeds}-${index}`,
          ring: new FrameRing({ slots, frameTicks: FEEDS_FRAME_TICKS, shape: USUAL_SHAPE }),
          maxInFlight: slots,
          durationMs: context.size.growthFeedsMs,
          maxFramesPerSecond: FEEDS_TICKS_A_SECOND / FEEDS_FRAME_TICKS / feeds,
          untilCommitted: true,
        }),
      ),
    );
    const ticks = driven.reduce((sum, each) => sum + each.sentTicks, 0);
    const backendSeconds = await usage.stop();
    return {
      feeds,
      gatewayCpuMicrosPerTick: ((gateway.cpuSeconds() - cpuBefore) * MICROS) / ticks,
      backendCpuMicrosPerTick: backendSeconds === undefined ? undefined : (backendSeconds * MICROS) / ticks,
    };
  } finally {
    await usage.stop();
    await stopProfiled(context, gateway, `${feeds} feeds`);
  }
}
