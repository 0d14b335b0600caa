import { build, type Histogram } from 'hdr-histogram-js';
import type { FrameRing } from './frame-ring.ts';
import { RawFeed } from './raw-feed.ts';

export interface DriveOptions {
  readonly url: string;
  readonly feed: string;
  readonly ring: FrameRing;
  /** Frames not yet acknowledged, at the most. */
  readonly maxInFlight: number;
  /** Sends so long, then waits for the rest. */
  readonly durationMs: number;
  /** And so many frames at the most. */
  readonly maxFrames?: number | undefined;
  /** Sends no faster than this; default: as fast as the answers come. */
  readonly maxFramesPerSecond?: number | undefined;
  /** At the beginning: not counted into rates and latencies. */
  readonly warmUpMs?: number | undefined;
  /** Keeps within the window of uncommitted frames and ticks, and ends when all is committed. */
  readonly untilCommitted: boolean;
}

export interface DriveResult {
  /** Everything sent, with the warm-up. */
  readonly sentTicks: number;
  readonly sentFrames: number;
  readonly seconds: number;
  /** After the warm-up, until the last one counted. */
  readonly ackedTicksPerSecond: number;
  readonly ackedFramesPerSecond: number;
  readonly committedTicksPerSecond: number;
  readonly ackMs: Percentiles;
  readonly committedMs: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const MICROS_A_MS = 1_000;
const LIMIT_AFTER_MS = 60_000;
const PACE_MS = 1;

/** Progress of one kind: when it was reached, how long frames took, how fast it went after the warm-up. */
class Progress {
  readonly #frameTicks: number;
  readonly #sentAtMs: Float64Array;
  readonly #histogram: Histogram = build({ numberOfSignificantValueDigits: 3 });
  #reached = 0;
  #firstSeq = 0;
  #firstMs = 0;
  #lastMs = 0;

  constructor(frameTicks: number, sentAtMs: Float64Array) {
    this.#frameTicks = frameTicks;
    this.#sentAtMs = sentAtMs;
  }

  get reached(): number {
    return this.#reached;
  }

  advance(seq: number, isCounted: boolean): void {
    const nowMs = performance.now();
    if (isCounted && this.#firstMs === 0) {
      this.#firstMs = nowMs;
      this.#firstSeq = seq;
    }
    if (isCounted) this.#record(seq, nowMs);
    this.#reached = Math.max(this.#reached, seq);
    if (isCounted) this.#lastMs = nowMs;
  }

  #record(seq: number, nowMs: number): void {
    for (let each = this.#reached + 1; each <= seq; each++) {
      const sentMs = this.#sentAtMs[each % this.#sentAtMs.length] ?? nowMs;
      this.#histogram.recordValue(Math.max(0, Math.round((nowMs - sentMs) * MICROS_A_MS)));
    }
  }

  get framesPerSecond(): number {
    const ms = this.#lastMs - this.#firstMs;
    return ms <= 0 ? 0 : ((this.#reached - this.#firstSeq) / ms) * 1_000;
  }

  get ticksPerSecond(): number {
    return this.framesPerSecond * this.#frameTicks;
  }

  percentiles(): Percentiles {
    const at = (percentile: number): number => this.#histogram.getValueAtPercentile(percentile) / MICROS_A_MS;
    return { p50: at(50), p99: at(99), max: this.#histogram.maxValue / MICROS_A_MS };
  }
}

/** Sends one feed's frames as fast as the gateway takes them, and times the answers. */
export async function driveFeed(options: DriveOptions): Promise<DriveResult> {
  const { ring, maxInFlight, untilCommitted, maxFrames = Number.POSITIVE_INFINITY } = options;
  // A frame's place in the ring is stamped again only when it was acknowledged; times are kept until committed.
  if (ring.slots < maxInFlight) throw new RangeError('the ring is shorter than what may be in flight');
  const sentAtMs = new Float64Array(1 << 20);
  const acked = new Progress(ring.frameTicks, sentAtMs);
  const committed = new Progress(ring.frameTicks, sentAtMs);
  const startMs = performance.now();
  const countFromMs = startMs + (options.warmUpMs ?? 0);
  let sent = 0;
  let isSending = true;
  let finish: (() => void) | undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  const feed = await RawFeed.open(options.url, options.feed, {
    onAck: (seq) => {
      acked.advance(seq, performance.now() >= countFromMs);
      pump();
    },
    onCommitted: (seq) => {
      committed.advance(seq, performance.now() >= countFromMs);
      pump();
    },
  });

  const allowed = (): number => {
    const { maxFramesPerSecond } = options;
    if (maxFramesPerSecond === undefined) return maxFrames - sent;
    const due = Math.floor(((performance.now() - startMs) / 1_000) * maxFramesPerSecond);
    return Math.min(maxFrames, due) - sent;
  };
  const room = (): number => {
    const unacked = maxInFlight - (sent - acked.reached);
    if (!untilCommitted) return Math.min(unacked, allowed());
    const uncommitted = sent - committed.reached;
    const byTicks = Math.floor(feed.windowTicks / ring.frameTicks) - uncommitted;
    return Math.min(unacked, feed.windowFrames - uncommitted, byTicks, allowed());
  };
  const pump = (): void => {
    while (isSending && room() > 0) {
      const { bytes, frames } = ring.take(sent, room());
      const nowMs = performance.now();
      for (let seq = sent + 1; seq <= sent + frames; seq++) sentAtMs[seq % sentAtMs.length] = nowMs;
      sent += frames;
      feed.send(bytes);
      if (sent >= maxFrames || nowMs - startMs >= options.durationMs) isSending = false;
    }
    if (!isSending && (untilCommitted ? committed : acked).reached >= sent) finish?.();
  };

  const stopTimer = setTimeout(() => {
    isSending = false;
    pump();
  }, options.durationMs);
  const pacer = options.maxFramesPerSecond === undefined ? undefined : setInterval(pump, PACE_MS);
  const limit = AbortSignal.timeout(options.durationMs + LIMIT_AFTER_MS);
  const late = new Promise<never>((_resolve, reject) => {
    limit.addEventListener('abort', () =>
      reject(
        new Error(`${options.feed}: ${acked.reached} of ${sent} frames acknowledged, ${committed.reached} committed`),
      ),
    );
  });
  try {
    pump();
    await Promise.race([done, feed.failed, late]);
  } finally {
    clearTimeout(stopTimer);
    clearInterval(pacer);
    feed.close();
  }
  return {
    sentTicks: sent * ring.frameTicks,
    sentFrames: sent,
    seconds: (performance.now() - startMs) / 1_000,
    ackedTicksPerSecond: acked.ticksPerSecond,
    ackedFramesPerSecond: acked.framesPerSecond,
    committedTicksPerSecond: committed.ticksPerSecond,
    ackMs: acked.percentiles(),
    committedMs: committed.percentiles(),
  };
}
