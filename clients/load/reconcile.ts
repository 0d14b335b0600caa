import type { TickChecksum } from './sent-tally.ts';

/** Figures of both sides, as far as the verdict needs them. Counts of ticks. */
export interface Reconciliation {
  readonly sent: number;
  /** Frames that were due and not sent when the time was over. */
  readonly unsentFrames: number;
  readonly acked: number;
  readonly committed: number;
  readonly until: 'acked' | 'committed';
  readonly rejected: number;
  readonly interruptions: number;
  /** How often a feed's memory was full. */
  readonly holds: number;
  /** How late, at the 99th percentile, this program handed over frames that were due and could be taken. */
  readonly ownLagMs: number;
  readonly subscribers: readonly SubscriberRecord[];
}

export interface SubscriberRecord {
  readonly mode: 'all' | 'latest';
  readonly expected: TickChecksum;
  readonly got: TickChecksum;
  readonly dropped: number;
  readonly wrong: number;
  readonly disorder: number;
  /** Symbols whose last tick is not the last one sent. Counted for `latest`. */
  readonly stale: number;
  readonly failure: string | undefined;
}

/** Above it the load test says more of itself than of the gateway. */
const MAX_OWN_LAG_MS = 50;

/** Why a load test failed: one sentence each; none where all that was sent arrived. */
export function findFailures(record: Reconciliation): string[] {
  const failures: string[] = [];
  const { sent, acked, committed, until, holds, unsentFrames } = record;
  if (record.ownLagMs > MAX_OWN_LAG_MS) {
    failures.push(
      `the load tool could not keep the rate: it was ${Math.round(record.ownLagMs)} ms late at the 99th percentile`,
    );
  } else if (unsentFrames > 0 && holds === 0) {
    failures.push(`the load tool could not keep the rate: ${unsentFrames} frames were not sent in time`);
  }
  if (holds > 0) {
    failures.push(
      `the gateway could not keep the rate: feeds were full ${holds} times, ${unsentFrames} frames were not sent`,
    );
  }
  if (acked !== sent) failures.push(`${sent - acked} of ${sent} ticks were not acknowledged`);
  if (until === 'committed' && committed !== sent)
    failures.push(`${sent - committed} of ${sent} ticks were not committed`);
  if (record.rejected > 0) failures.push(`${record.rejected} ticks were rejected`);
  if (record.interruptions > 0) failures.push(`feeds were interrupted ${record.interruptions} times`);
  return [...failures, ...subscriberFailures(record.subscribers)];
}

function subscriberFailures(subscribers: readonly SubscriberRecord[]): string[] {
  const failures: string[] = [];
  const tell = (what: string, isSo: (each: SubscriberRecord) => boolean): void => {
    const found = subscribers.filter(isSo);
    if (found.length > 0) failures.push(`${found.length} of ${subscribers.length} subscribers ${what}`);
  };
  const reason = subscribers.find((each) => each.failure !== undefined)?.failure ?? '';
  tell(`were cut: ${reason}`, (each) => each.failure !== undefined);
  const all = (each: SubscriberRecord): boolean => each.mode === 'all' && each.failure === undefined;
  const dropped = subscribers.reduce((sum, each) => sum + each.dropped, 0);
  tell(`were told of gaps, ${dropped} ticks together`, (each) => all(each) && each.dropped > 0);
  tell('got fewer ticks than were sent', (each) => all(each) && each.got.count + each.dropped < each.expected.count);
  tell('got more ticks than were sent', (each) => all(each) && each.got.count + each.dropped > each.expected.count);
  tell(
    'got other ticks than were sent',
    (each) => all(each) && each.got.count === each.expected.count && each.got.fingerprint !== each.expected.fingerprint,
  );
  tell('got ticks whose fields do not belong together', (each) => each.wrong > 0);
  tell('got ticks out of order', (each) => each.disorder > 0);
  tell('do not show the last ticks', (each) => each.mode === 'latest' && each.stale > 0);
  return failures;
}
