import { performance } from 'node:perf_hooks';
import { FeedLoad } from './feed-load.ts';
import type { FeedEffort, FeedProgress, FromFeedProcess, ToFeedProcess } from './feed-process-messages.ts';
import { loadClock } from './load-clock.ts';

// The feeds of a load test, in a process of their own: hundreds of dashboards beside them would make them late, and
// the tool's own lateness would be told as the gateway's delay. See forked-feeds.ts.

/** How often the other side is told how far the feeds are. */
const TELL_MS = 20;
const MICROS_A_SECOND = 1_000_000;
const stop = new AbortController();
let feeds: FeedLoad | undefined;

function tell(message: FromFeedProcess): void {
  if (process.connected) process.send?.(message);
}

function stateOf(each: FeedLoad): FeedProgress {
  return { counts: each.counts(), failure: each.failure?.message };
}

async function run(each: FeedLoad, startMs: number): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const loopBefore = performance.eventLoopUtilization();
  await each.run(startMs, stop.signal);
  const { user, system } = process.cpuUsage(cpuBefore);
  const effort: FeedEffort = {
    busyShare: performance.eventLoopUtilization(loopBefore).utilization,
    cpuSeconds: (user + system) / MICROS_A_SECOND,
  };
  tell({ kind: 'ended', state: stateOf(each), sent: each.sent.ticks(), effort });
}

async function answer(message: ToFeedProcess): Promise<void> {
  if (message.kind === 'open') {
    const opening = new FeedLoad(message.plan, message.run, loadClock(message.originMs));
    feeds = opening;
    setInterval(() => tell({ kind: 'state', state: stateOf(opening) }), TELL_MS);
    await opening.opened();
    tell({ kind: 'opened' });
  } else if (message.kind === 'stop') stop.abort();
  else if (feeds === undefined) throw new Error('feeds must be opened first');
  else if (message.kind === 'run') await run(feeds, message.startMs);
  else {
    const { rejected, interruptions, holds } = feeds;
    tell({ kind: 'report', report: { latencies: feeds.latencies(), rejected, interruptions, holds } });
  }
}

process.on('message', (message: ToFeedProcess) => {
  answer(message).catch((error: unknown) =>
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
// A terminal's Ctrl-C comes to both: frames sent are still waited for, so the other side says when it is over.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => {
  const closing = feeds?.[Symbol.asyncDispose]() ?? Promise.resolve();
  closing.finally(() => process.exit(0)).catch(() => process.exit(1));
});
tell({ kind: 'ready' });
