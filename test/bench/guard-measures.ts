import { z } from 'zod';
import { AskedProcess } from './asked-process.ts';
import type { AllocationAnswer } from './allocation-child.ts';
import { appendedEntries } from './bench-acks.ts';
import { type BenchContext, emptyBuffer, streamBytes, UNBOUNDED } from './bench-context.ts';
import { startBenchGateway } from './bench-gateway.ts';
import { FRAME_SIZES, MAX_IN_FLIGHT } from './bench-size.ts';
import { USUAL_SHAPE } from './bench-ticks.ts';
import { driveFeed } from './drive-feed.ts';
import { FrameRing } from './frame-ring.ts';
import { storeRounds } from './store-rounds.ts';

/** What the guard looks at: nothing that a slower machine changes much, and no absolute time. */
export interface GuardMeasures {
  /** Processor time of PostgreSQL for `\copy` by that for the flush of the same rows. Higher is better. */
  readonly backendCpuRatio: number;
  /** Time of `\copy` by that of the flush. Higher is better. */
  readonly wallRatio: number;
  /** Processor time of the flushing process by that of PostgreSQL for `\copy`. Lower is better. */
  readonly flushCpuShare: number;
  /** Script calls (stream entries) a frame, by ticks a frame; the gateway merges frames while it waits. */
  readonly entriesPerFrame: Readonly<Record<string, number>>;
  readonly redisBytesPerTick: Readonly<Record<string, number>>;
  /** Heap that the ingest path allocates for a tick, by ticks a frame. */
  readonly heapBytesPerTick: Readonly<Record<string, number>>;
}

const STORE_ROWS = 200_000;
const STORE_ROUNDS = 4;
const FRAMES_SENT: Readonly<Record<number, number>> = { 500: 2_000, 50: 10_000, 1: 60_000 };
const LIMIT_MS = 60_000;
const ALLOCATION_FLAGS = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];
const ALLOCATION_ROUNDS = 8;
/** An entry is a copy of its rows: where fewer bytes were added, something was collected meanwhile. */
const LEAST_BUFFER_BYTES = 25;
/** Frames of an entry as they are merged under load, and how many entries fit before anything is collected. */
const ALLOCATION_RUNS = [
  { frameTicks: 500, framesPerEntry: 14, entries: 40 },
  { frameTicks: 50, framesPerEntry: 140, entries: 40 },
  { frameTicks: 1, framesPerEntry: 1_000, entries: 20 },
] as const;

const allocationSchema: z.ZodType<AllocationAnswer> = z.object({
  heapBytesPerTick: z.number(),
  bufferBytesPerTick: z.number(),
});

/** The flush against `\copy`; undefined where PostgreSQL's processes cannot be seen. */
export async function measureStoring(
  context: BenchContext,
): Promise<Pick<GuardMeasures, 'backendCpuRatio' | 'wallRatio' | 'flushCpuShare'>> {
  const options = { rows: STORE_ROWS, rounds: STORE_ROUNDS, shape: USUAL_SHAPE, copies: ['arrival'] } as const;
  const { flushes, copies } = await storeRounds(context, options);
  const arrival = copies.arrival ?? [];
  const copyCpu = least(arrival.map((each) => each.backendCpuSeconds));
  return {
    backendCpuRatio: copyCpu / least(flushes.map((each) => each.backendCpuSeconds)),
    wallRatio: least(arrival.map((each) => each.wallSeconds)) / least(flushes.map((each) => each.wallSeconds)),
    flushCpuShare: least(flushes.map((each) => each.cpuSeconds)) / copyCpu,
  };
}

/** What the code takes, and not what a busy moment of the machine adds to it; NaN where one round shows nothing. */
function least(seconds: ReadonlyArray<number | undefined>): number {
  return Math.min(...seconds.map((each) => each ?? Number.NaN));
}

/** What frames become in Redis under load. */
export async function measureBuffering(
  context: BenchContext,
): Promise<Pick<GuardMeasures, 'entriesPerFrame' | 'redisBytesPerTick'>> {
  const entriesPerFrame: Record<string, number> = {};
  const redisBytesPerTick: Record<string, number> = {};
  await using gateway = await startBenchGateway(context, { flush: false, settings: UNBOUNDED });
  for (const frameTicks of FRAME_SIZES) {
    await emptyBuffer(context);
    const { sentFrames, sentTicks } = await driveFeed({
      url: gateway.url,
      feed: `guard-${frameTicks}`,
      ring: new FrameRing({ slots: MAX_IN_FLIGHT, frameTicks, shape: USUAL_SHAPE }),
      maxInFlight: MAX_IN_FLIGHT,
      durationMs: LIMIT_MS,
      maxFrames: FRAMES_SENT[frameTicks],
      untilCommitted: false,
    });
    entriesPerFrame[frameTicks] = (await appendedEntries(context)) / sentFrames;
    redisBytesPerTick[frameTicks] = (await streamBytes(context)) / sentTicks;
  }
  await emptyBuffer(context);
  return { entriesPerFrame, redisBytesPerTick };
}

export async function measureAllocations(): Promise<Pick<GuardMeasures, 'heapBytesPerTick'>> {
  const heapBytesPerTick: Record<string, number> = {};
  await using child = await AskedProcess.start('allocation-child.ts', [], {}, ALLOCATION_FLAGS);
  for (const run of ALLOCATION_RUNS) {
    const rounds: number[] = [];
    for (let round = 0; round < ALLOCATION_ROUNDS; round++) {
      const answer = allocationSchema.parse(await child.ask(run));
      if (answer.bufferBytesPerTick > LEAST_BUFFER_BYTES) rounds.push(answer.heapBytesPerTick);
    }
    // The least: what optimised code allocates, and not a round in which the compiler was at work.
    heapBytesPerTick[run.frameTicks] = Math.min(...rounds);
  }
  return { heapBytesPerTick };
}
