import { copyFileOf, copyRows, emptyBuffer, freshTables, type BenchContext, UNBOUNDED } from './bench-context.ts';
import { type BenchGateway, startBenchGateway } from './bench-gateway.ts';
import { MAX_IN_FLIGHT } from './bench-size.ts';
import type { TickShape } from './bench-ticks.ts';
import type { RowSequence } from './copy-file.ts';
import { driveFeed } from './drive-feed.ts';
import { FlushProcess, type FlushTiming } from './flush-process.ts';
import { FrameRing } from './frame-ring.ts';
import type { StoreTiming } from './psql-copy.ts';
import { median } from './statistics.ts';

export interface StoreRoundsOptions {
  readonly rows: number;
  readonly rounds: number;
  readonly shape: TickShape;
  /** `\copy` of rows in these orders; `arrival` is what the flush is compared with. */
  readonly copies: readonly RowSequence[];
  /** Settings of the flush. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The same rows stored in turn by `psql \copy` and by the flush, round after round. */
export interface StoreRounds {
  readonly rows: number;
  readonly flushes: readonly FlushTiming[];
  readonly copies: Readonly<Partial<Record<RowSequence, readonly StoreTiming[]>>>;
}

const FRAME_TICKS = 500;
const FILL_LIMIT_MS = 120_000;

/** @throws {Error} when a flush stored other than all rows */
export async function storeRounds(context: BenchContext, options: StoreRoundsOptions): Promise<StoreRounds> {
  const { rows, rounds, shape, settings = {} } = options;
  const files = options.copies.map((sequence) => [sequence, copyFileOf(context, rows, shape, sequence)] as const);
  const copies: Partial<Record<RowSequence, StoreTiming[]>> = {};
  const flushes: FlushTiming[] = [];
  await using filler = await startBenchGateway(context, { flush: false, settings: UNBOUNDED });
  await using flusher = await FlushProcess.start(context, settings);
  // One round before the first that counts: programs and caches are warm, as in a gateway that has run for a while.
  for (let round = 0; round <= rounds; round++) {
    for (const [sequence, path] of files) {
      await freshTables(context);
      const timing = await copyRows(context, path);
      if (round > 0) (copies[sequence] ??= []).push(timing);
    }
    await freshTables(context);
    await fillBuffer(context, filler, `fill-${round}`, rows, shape);
    const timing = await flusher.flush();
    const stored = await context.market.count(`SELECT count(*) FROM ${context.market.prefix}_ticks`);
    if (stored !== rows) throw new Error(`the flush stored ${stored} of ${rows} rows`);
    if (round > 0) flushes.push(timing);
  }
  const profile = await flusher.stop();
  if (profile !== undefined) context.onProfile?.(`flush of ${rows} ticks, ${shape.symbols} symbols`, profile);
  await freshTables(context);
  await emptyBuffer(context);
  return { rows, flushes, copies };
}

/** Brings `rows` ticks into the buffer the way feeds do. */
async function fillBuffer(
  context: BenchContext,
  gateway: BenchGateway,
  feed: string,
  rows: number,
  shape: TickShape,
): Promise<void> {
  await emptyBuffer(context);
  // The ring is as long as the run, so that the ticks are those of the file and not a round of them again.
  const ring = new FrameRing({ slots: Math.max(MAX_IN_FLIGHT, rows / FRAME_TICKS), frameTicks: FRAME_TICKS, shape });
  const maxFrames = rows / FRAME_TICKS;
  await driveFeed({
    url: gateway.url,
    feed,
    ring,
    maxInFlight: MAX_IN_FLIGHT,
    durationMs: FILL_LIMIT_MS,
    maxFrames,
    untilCommitted: false,
  });
}

export interface StoreSummary {
  readonly rowsPerSecond: number;
  readonly backendCpuMicrosPerRow: number | undefined;
}

/** Medians. */
export function summarize(rows: number, timings: readonly StoreTiming[] | undefined): StoreSummary | undefined {
  if (timings === undefined || timings.length === 0) return undefined;
  const cpu = timings.flatMap(({ backendCpuSeconds }) => backendCpuSeconds ?? []);
  return {
    rowsPerSecond: rows / median(timings.map((timing) => timing.wallSeconds)),
    backendCpuMicrosPerRow: cpu.length === 0 ? undefined : (median(cpu) * 1e6) / rows,
  };
}
