import type { CodecName } from '../../src/protocol/version.ts';

/** Plan of a load test. */
export interface LoadPlan {
  /** The gateway, as `http://host:port`. */
  readonly url: string;
  readonly token: string | undefined;
  readonly feeds: number;
  /** Ticks a second of all feeds together. */
  readonly rate: number;
  readonly frameTicks: number;
  /** Distinct symbols, shared by all feeds. */
  readonly symbols: number;
  readonly subscribers: number;
  /** Symbols each subscriber names, or all of them. */
  readonly subscribe: number | '*';
  readonly mode: 'all' | 'latest';
  readonly codec: CodecName;
  /** Time that is measured, after the warm-up. */
  readonly durationMs: number;
  readonly warmUpMs: number;
  /** How long the last ticks may take to be committed and delivered. */
  readonly settleMs: number;
  /** `acked` for a gateway that nobody flushes. */
  readonly until: 'committed' | 'acked';
}

/** The plan's numbers that follow from others. */
export interface LoadSchedule {
  /** Time between two frames, whichever feed's. */
  readonly intervalMs: number;
  /** Frames of all feeds, warm-up included. */
  readonly frames: number;
}

export function scheduleOf(plan: LoadPlan): LoadSchedule {
  const intervalMs = (plan.frameTicks / plan.rate) * 1_000;
  return { intervalMs, frames: Math.max(1, Math.round((plan.warmUpMs + plan.durationMs) / intervalMs)) };
}

/**
 * When a frame is due, counted from the start: the frames of all feeds follow each other evenly. Against coordinated
 * omission latencies are counted from this instant, even where the frame left later.
 */
export function dueMsOf(frame: number, schedule: LoadSchedule): number {
  return frame * schedule.intervalMs;
}

/** Number, among all frames, of a feed's frame with this seq. */
export function frameNumberOf(feed: number, seq: number, plan: LoadPlan): number {
  return (seq - 1) * plan.feeds + feed;
}
