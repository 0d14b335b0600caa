import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { withDeadline } from '../../src/base/deadline.ts';
import type { FeedCounts } from './feed-load.ts';
import type { FeedReport } from './feed-process-messages.ts';
import { type LoadClock, loadClock } from './load-clock.ts';
import { dueMsOf, type LoadPlan, scheduleOf } from './load-plan.ts';
import { loadSymbolOf } from './load-ticks.ts';
import type { LoadResult } from './load-result.ts';
import type { LoadSubscriber } from './load-subscriber.ts';
import { findFailures, type SubscriberRecord } from './reconcile.ts';
import { SubscriberLoad } from './subscriber-load.ts';
import { ForkedFeeds } from './forked-feeds.ts';

export interface LoadProgress {
  readonly elapsedMs: number;
  readonly sentTicks: number;
  readonly ackedTicks: number;
  readonly committedTicks: number;
  readonly deliveries: number;
}

export interface LoadHooks {
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Ends the sending early; ticks sent are still waited for and reconciled. */
  readonly signal?: AbortSignal;
  /** How long the gateway may take to open all feeds; a feed by itself would go on trying for ever. Default 15 s. */
  readonly openLimitMs?: number;
}

const START_AFTER_MS = 100;
const OPEN_LIMIT_MS = 15_000;
const PROGRESS_MS = 250;
const SETTLE_POLL_MS = 20;
const MICROS_A_SECOND = 1_000_000;

/**
 * Runs a load test against a gateway: opens subscribers and feeds, sends by the clock, waits until everything has
 * arrived, and reconciles the ticks sent with those that arrived.
 * @throws {Error} when the gateway cannot be reached, or refuses a feed or a subscriber
 */
export async function runLoad(plan: LoadPlan, hooks: LoadHooks = {}): Promise<LoadResult> {
  const clock = loadClock();
  using subscribers = new SubscriberLoad();
  await using feeds = new ForkedFeeds(plan, randomBytes(4).toString('hex'), clock);
  const openLimitMs = hooks.openLimitMs ?? OPEN_LIMIT_MS;
  const opened = feeds.opened().then(() => true);
  if ((await withDeadline(opened, openLimitMs)) === undefined)
    throw new Error(`the gateway at ${plan.url} did not open the feeds in ${openLimitMs / 1_000} s`);
  await subscribers.connect(plan, clock);

  const signal = hooks.signal ?? new AbortController().signal;
  const startMs = clock.nowMs() + START_AFTER_MS;
  subscribers.timeFrom(Math.floor((clock.originMs + startMs + plan.warmUpMs) * 1_000));
  const progress = (): LoadProgress => ({
    elapsedMs: clock.nowMs() - startMs,
    ...ticksOf(feeds.counts(), plan),
    deliveries: subscribers.totals().ticks,
  });
  const timer = setInterval(() => hooks.onProgress?.(progress()), PROGRESS_MS);
  const cpuBefore = process.cpuUsage();
  const loopBefore = performance.eventLoopUtilization();
  try {
    await feeds.run(startMs, signal);
    const ownBusyShare = Math.max(performance.eventLoopUtilization(loopBefore).utilization, feeds.effort.busyShare);
    const cpu = process.cpuUsage(cpuBefore);
    const seconds = (clock.nowMs() - startMs) / 1_000;
    await settle(plan, feeds, subscribers, clock);
    hooks.onProgress?.(progress());
    if (feeds.failure !== undefined) throw feeds.failure;
    return resultOf(plan, feeds, subscribers, {
      report: await feeds.report(),
      seconds,
      ownBusyShare,
      ownCpuSeconds: (cpu.user + cpu.system) / MICROS_A_SECOND + feeds.effort.cpuSeconds,
      isCut: signal.aborted,
    });
  } finally {
    clearInterval(timer);
  }
}

function ticksOf(counts: FeedCounts, { frameTicks }: LoadPlan): Omit<LoadProgress, 'elapsedMs' | 'deliveries'> {
  return {
    sentTicks: counts.sentFrames * frameTicks,
    ackedTicks: counts.ackedFrames * frameTicks,
    committedTicks: counts.committedFrames * frameTicks,
  };
}

async function settle(
  plan: LoadPlan,
  feeds: ForkedFeeds,
  subscribers: SubscriberLoad,
  clock: LoadClock,
): Promise<void> {
  const deadlineMs = clock.nowMs() + plan.settleMs;
  while (clock.nowMs() < deadlineMs && feeds.failure === undefined) {
    const { sentFrames, ackedFrames, committedFrames } = feeds.counts();
    const isStored = (plan.until === 'acked' ? ackedFrames : committedFrames) >= sentFrames;
    if (isStored && subscribers.all.every((each) => hasAll(each, feeds, plan))) return;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
  }
}

function hasAll(subscriber: LoadSubscriber, feeds: ForkedFeeds, plan: LoadPlan): boolean {
  if (subscriber.failure !== undefined) return true;
  if (plan.mode === 'latest') return staleSymbols(subscriber, feeds, plan) === 0;
  return subscriber.tally.count + subscriber.dropped >= expectedOf(subscriber, feeds).count;
}

function expectedOf(subscriber: LoadSubscriber, feeds: ForkedFeeds): { count: number; fingerprint: number } {
  return subscriber.symbols === undefined ? feeds.sent.all() : feeds.sent.of(subscriber.symbols);
}

/** Symbols whose last tick this subscriber has not got. With several feeds, which is last is not said. */
function staleSymbols(subscriber: LoadSubscriber, feeds: ForkedFeeds, plan: LoadPlan): number {
  if (plan.feeds > 1) return 0;
  const missing = new Set(subscriber.symbols ?? Array.from({ length: plan.symbols }, (_, number) => number));
  let stale = 0;
  for (let tick = feeds.counts().sentFrames * plan.frameTicks - 1; tick >= 0 && missing.size > 0; tick--) {
    const symbol = loadSymbolOf(tick, plan.symbols);
    if (missing.delete(symbol) && subscriber.lastTickOf(symbol) !== tick) stale += 1;
  }
  return stale;
}

function resultOf(
  plan: LoadPlan,
  feeds: ForkedFeeds,
  subscribers: SubscriberLoad,
  run: { report: FeedReport; seconds: number; ownBusyShare: number; ownCpuSeconds: number; isCut: boolean },
): LoadResult {
  const schedule = scheduleOf(plan);
  const counts = feeds.counts();
  const { sentTicks, ackedTicks, committedTicks } = ticksOf(counts, plan);
  const { latencies, rejected, interruptions, holds } = run.report;
  const { ack, committed, ownLag } = latencies;
  const totals = subscribers.totals();
  const records = subscribers.all.map((subscriber): SubscriberRecord => ({
    mode: plan.mode,
    expected: expectedOf(subscriber, feeds),
    got: subscriber.tally,
    dropped: subscriber.dropped,
    wrong: subscriber.wrong,
    disorder: plan.feeds === 1 ? subscriber.disorder : 0,
    stale: plan.mode === 'latest' ? staleSymbols(subscriber, feeds, plan) : 0,
    failure: subscriber.failure,
  }));
  const failures = findFailures({
    sent: sentTicks,
    unsentFrames: run.isCut ? 0 : schedule.frames - counts.sentFrames,
    acked: ackedTicks,
    committed: committedTicks,
    until: plan.until,
    rejected,
    interruptions,
    holds,
    ownLagMs: ownLag.p99,
    subscribers: records,
  });
  const { token: _token, ...publicPlan } = plan;
  const plannedSeconds = dueMsOf(schedule.frames, schedule) / 1_000;
  const seconds = run.isCut ? run.seconds : plannedSeconds;
  return {
    plan: publicPlan,
    seconds,
    sentTicks,
    sentTicksPerSecond: sentTicks / seconds,
    ackedTicks,
    committedTicks,
    deliveries: totals.ticks,
    deliveriesPerSecond: totals.ticks / seconds,
    deliveredMessages: totals.messages,
    deliveredBytes: totals.bytes,
    ackMs: ack,
    committedMs: committed,
    deliveryMs: subscribers.latency.summary(),
    ownLagMs: ownLag,
    ownBusyShare: run.ownBusyShare,
    ownCpuSeconds: run.ownCpuSeconds,
    failures,
  };
}
