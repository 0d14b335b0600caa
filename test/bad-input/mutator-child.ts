import { performance } from 'node:perf_hooks';
import { unpack } from 'msgpackr';
import { Random } from '../../clients/simulator/random.ts';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { type FeedRequest, parseFeedRequest, type PublishRequest } from '../../src/protocol/feed-request.ts';
import { decodeStreamEntry, encodeStreamEntry } from '../../src/stream/stream-entry.ts';
import { FrameTooLargeError, TickChecker } from '../../src/market/tick-check.ts';
import { isSymbol } from '../../src/market/tick.ts';
import { type MutatedMessage, Mutator } from './mutate.ts';

/**
 * Usage: node --max-old-space-size=128 --expose-gc mutator-child.ts SEED COUNT
 * Feeds mutated messages to the parser and judges what it lets pass. The last line on standard output is a JSON report;
 * anything else than an end with status 0 is a fault.
 */
const MAX_CPU_MS = 50;
const RUNS = 3;
const WARM_UP_SHARE = 0.2;
const NOW_MICROS = 1_800_000_000_000_000;
const OPTIONS = { nowMicros: NOW_MICROS, maxTicks: 5_000, maxDays: 366 };

const [seed = '', countText = ''] = process.argv.slice(2);
const count = Number(countText);
const mutator = new Mutator(Random.fromSeed(seed));
const checker = new TickChecker();
const outcomes = { accepted: 0, refused: 0, tooLarge: 0 };
let slowestMs = 0;
let warmRssMiB = 0;

function parse({ codec, bytes }: MutatedMessage): FeedRequest | 'refused' | 'tooLarge' {
  try {
    return parseFeedRequest(bytes, codec, checker, OPTIONS);
  } catch (error) {
    if (error instanceof BadFrameError) return 'refused';
    if (error instanceof FrameTooLargeError) return 'tooLarge';
    throw error;
  }
}

/** What was let pass must be what the format promises, as another reader sees it. */
function judge(request: PublishRequest): void {
  const { rows, count: accepted, rejected } = request.ticks;
  const read: unknown = unpack(rows);
  if (!Array.isArray(read) || read.length !== accepted) throw new Error('rows are not as many as they say');
  for (const row of read as unknown[]) {
    if (!Array.isArray(row) || row.length !== 4) throw new Error('a row is not of four');
    const [symbol, price, volume, time] = (row as unknown[]).map((value) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    const isValid =
      typeof symbol === 'string' &&
      isSymbol(symbol) &&
      typeof price === 'number' &&
      price > 0 &&
      price < 1e12 &&
      typeof volume === 'number' &&
      Number.isInteger(volume) &&
      volume >= 0 &&
      volume <= 1e12 &&
      typeof time === 'number' &&
      Number.isInteger(time);
    if (!isValid) throw new Error('an invalid tick was let pass');
  }
  const seq = request.seq ?? 1;
  const frame = { seq, prev: request.prev, skip: false, count: accepted, rows, rejected };
  const entry = { feed: 'f', writer: 'w', live: true, acceptedAtMs: 0, frames: [frame] };
  const [decoded] = decodeStreamEntry(encodeStreamEntry(entry)).frames;
  if (decoded?.seq !== seq || decoded.count !== accepted || decoded.rejected.length !== rejected.length) {
    throw new Error('the buffer entry does not hold what was taken');
  }
}

/** Slow once may be a busy machine; slow in CPU time three times is the input. */
function isSlow(message: MutatedMessage): boolean {
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage();
    parse(message);
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1_000 <= MAX_CPU_MS) return false;
  }
  return true;
}

function rssMiB(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}

for (let input = 0; input < count; input++) {
  const message = mutator.next();
  try {
    const startMs = performance.now();
    const request = parse(message);
    const elapsedMs = performance.now() - startMs;
    slowestMs = Math.max(slowestMs, elapsedMs);
    if (elapsedMs > MAX_CPU_MS && isSlow(message)) throw new Error(`takes more than ${MAX_CPU_MS} ms of CPU`);
    outcomes[typeof request === 'string' ? request : 'accepted'] += 1;
    if (typeof request !== 'string' && request.action === 'publish') judge(request);
  } catch (error) {
    const shown = message.bytes.subarray(0, 2_000).toString('hex');
    process.stderr.write(`seed ${seed}, input ${input}, ${message.codec} ${shown}\n${String(error)}\n`);
    process.exit(1);
  }
  if (input === Math.floor(count * WARM_UP_SHARE)) warmRssMiB = rssMiB();
}
process.stdout.write(
  `${JSON.stringify({ seed, inputs: count, ...outcomes, slowestMs, warmRssMiB, endRssMiB: rssMiB() })}\n`,
);
