import type { SimulatedTick } from '../../clients/simulator/generate-ticks.ts';
import { hashText, mix32 } from '../../clients/simulator/random.ts';

/**
 * Ticks for tests of the delivery contract. Each says in its own columns which one it is, so that the table alone shows
 * what was lost, doubled, reordered or mixed up:
 *
 * - symbol = `<feed>=<number>`: the feed, and one of the feed's symbols
 * - volume = seq × 10,000 + index: the frame's sequence number, and the place in the frame from 0
 * - time   = baseMicros + seq × 1,000 + index, in microseconds
 * - price  = a checksum of all of these, 0.01 … 10,000.00
 *
 * In SQL: `split_part(symbol, '=', 1)`, `volume / 10000` and `volume % 10000`.
 */

const INDEXES_A_SEQ = 10_000;
export const MAX_TEST_SEQ = 99_999_999;
const MICROS_A_SEQ = 1_000;
const PRICES = 1_000_000;
const FEED = /^[A-Za-z0-9._:~+/-]{1,27}$/;
const MAX_SYMBOLS = 10_000;
/** 2024-01-02T00:00:00Z. All sequence numbers together stay within the two days from there. */
export const TEST_BASE_MICROS = 1_704_153_600_000_000;

export interface TestFrameOptions {
  /** 1 … 27 characters that a symbol may have, without `=`. */
  readonly feed: string;
  /** 1 … 99,999,999. */
  readonly seq: number;
  /** Ticks of the frame, at most 10,000. */
  readonly count: number;
  /** Different symbols of the feed, at most 10,000. Default 10. */
  readonly symbols?: number;
  /** Default TEST_BASE_MICROS. */
  readonly baseMicros?: number;
}

export interface TestTicksOptions extends Omit<TestFrameOptions, 'seq'> {
  readonly firstSeq: number;
  /** Ticks that share a sequence number. Default 1. */
  readonly ticksPerFrame?: number;
}

/** Which tick of the test a row is. */
export interface TestTickId {
  readonly feed: string;
  readonly seq: number;
  readonly index: number;
}

/**
 * The ticks of one frame.
 * @throws {RangeError} when an option is outside what the columns can hold
 */
export function testFrame(options: TestFrameOptions): SimulatedTick[] {
  const { feed, seq, count, symbols = 10, baseMicros = TEST_BASE_MICROS } = options;
  if (!FEED.test(feed)) throw new RangeError(`feed ${JSON.stringify(feed)} does not fit a symbol`);
  checkWhole('seq', seq, 1, MAX_TEST_SEQ);
  checkWhole('count', count, 0, INDEXES_A_SEQ);
  checkWhole('symbols', symbols, 1, MAX_SYMBOLS);
  return Array.from({ length: count }, (_, index) => {
    const symbol = `${feed}=${(seq + index) % symbols}`;
    return [symbol, checksumPrice(symbol, seq, index), seq * INDEXES_A_SEQ + index, timeOf(seq, index, baseMicros)];
  });
}

/**
 * `count` ticks, whose sequence numbers go up by one after every `ticksPerFrame`.
 * @throws {RangeError} when an option is outside what the columns can hold
 */
export function* generateTestTicks(options: TestTicksOptions): Generator<SimulatedTick, void> {
  const { firstSeq, count, ticksPerFrame = 1, ...shape } = options;
  checkWhole('ticksPerFrame', ticksPerFrame, 1, INDEXES_A_SEQ);
  for (let done = 0, seq = firstSeq; done < count; done += ticksPerFrame, seq++) {
    yield* testFrame({ ...shape, seq, count: Math.min(ticksPerFrame, count - done) });
  }
}

/**
 * The inverse: which tick a row is.
 * @throws {RangeError} when the row is none of a test, or its columns contradict each other
 */
export function decodeTestTick(tick: SimulatedTick, baseMicros: number = TEST_BASE_MICROS): TestTickId {
  const [symbol, price, volume, timeMicros] = tick;
  const feed = /^(.+)=\d+$/.exec(symbol)?.[1];
  const seq = Math.floor(volume / INDEXES_A_SEQ);
  const index = volume - seq * INDEXES_A_SEQ;
  if (feed === undefined || !FEED.test(feed) || !Number.isInteger(volume) || seq < 1 || seq > MAX_TEST_SEQ) {
    throw new RangeError(`not a test tick: ${JSON.stringify(tick)}`);
  }
  if (price !== checksumPrice(symbol, seq, index) || timeMicros !== timeOf(seq, index, baseMicros)) {
    throw new RangeError(`columns of different ticks in one row: ${JSON.stringify(tick)}`);
  }
  return { feed, seq, index };
}

function timeOf(seq: number, index: number, baseMicros: number): number {
  return baseMicros + seq * MICROS_A_SEQ + index;
}

function checksumPrice(symbol: string, seq: number, index: number): number {
  return ((mix32(mix32(hashText(symbol) ^ seq) ^ index) % PRICES) + 1) / 100;
}

function checkWhole(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} ${value} is not a whole number from ${min} to ${max}`);
  }
}
