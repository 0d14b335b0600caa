import { encodeFrame } from '../../clients/feed/feed-frame.ts';
import { parseFeedRequest } from '../../src/protocol/feed-request.ts';
import { encodeStreamEntry, type EntryFrame } from '../../src/stream/stream-entry.ts';
import { TickChecker } from '../../src/market/tick-check.ts';
import { benchSymbol, priceOf, symbolNumberOf, timeMicrosOf, USUAL_SHAPE, volumeOf } from './bench-ticks.ts';

/**
 * Counts what the ingest path allocates: a frame's message parsed and checked, frames encoded as a stream entry. Run
 * with `--expose-gc` and a young generation so large that nothing is collected meanwhile.
 */
export interface AllocationAnswer {
  readonly heapBytesPerTick: number;
  readonly bufferBytesPerTick: number;
}

interface AllocationRequest {
  readonly frameTicks: number;
  /** Frames of one entry. */
  readonly framesPerEntry: number;
  readonly entries: number;
}

const NOW_MICROS = timeMicrosOf(10_000_000, USUAL_SHAPE);
const OPTIONS = { nowMicros: NOW_MICROS, maxTicks: 5_000, maxDays: 366 };
const WARM_UP_ROUNDS = 4;
const checker = new TickChecker();

function messagesOf({ frameTicks, framesPerEntry }: AllocationRequest): Buffer[] {
  return Array.from({ length: framesPerEntry }, (_, frame) => {
    const ticks = Array.from({ length: frameTicks }, (__, index) => {
      const tick = frame * frameTicks + index;
      const symbol = benchSymbol(symbolNumberOf(tick, USUAL_SHAPE));
      return { symbol, price: priceOf(tick), volume: volumeOf(tick), timeMicros: timeMicrosOf(tick, USUAL_SHAPE) };
    });
    return encodeFrame(frame + 1, frame, ticks).message;
  });
}

/** What a gateway does with the messages of one turn. @returns bytes of the entry */
function ingest(messages: readonly Buffer[]): number {
  const frames: EntryFrame[] = [];
  for (const message of messages) {
    const request = parseFeedRequest(message, 'msgpack', checker, OPTIONS);
    if (request.action !== 'publish' || request.seq === undefined) throw new Error('not a numbered frame');
    const { count, rows, rejected } = request.ticks;
    frames.push({ seq: request.seq, prev: request.prev, skip: false, count, rows, rejected });
  }
  return encodeStreamEntry({ feed: 'guard', writer: 'guard', live: true, acceptedAtMs: 1_764_576_000_000, frames })
    .length;
}

function measure(request: AllocationRequest): AllocationAnswer {
  const messages = messagesOf(request);
  for (let round = 0; round < WARM_UP_ROUNDS * request.entries; round++) ingest(messages);
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let entry = 0; entry < request.entries; entry++) ingest(messages);
  const after = process.memoryUsage();
  const ticks = request.entries * request.framesPerEntry * request.frameTicks;
  return {
    heapBytesPerTick: (after.heapUsed - before.heapUsed) / ticks,
    bufferBytesPerTick: (after.arrayBuffers - before.arrayBuffers) / ticks,
  };
}

process.on('message', (request) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- guard.test.ts of one checkout sends it
  process.send?.(measure(request as AllocationRequest));
});
process.send?.('ready');
