import type { FeedCounts, FeedLatencies } from './feed-load.ts';
import type { LoadPlan } from './load-plan.ts';
import type { SentTicks } from './sent-tally.ts';

export type ToFeedProcess =
  | {
      readonly kind: 'open';
      readonly plan: LoadPlan;
      /** Part of the feeds' names. */
      readonly run: string;
      /** Added to the machine's monotonic clock it gives milliseconds since the epoch. */
      readonly originMs: number;
    }
  | { readonly kind: 'run'; readonly startMs: number }
  /** No more is to be sent. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'report' };

export interface FeedProgress {
  readonly counts: FeedCounts;
  readonly failure: string | undefined;
}

/** Final report, when nothing more is sent and every answer has come. */
export interface FeedReport {
  readonly latencies: FeedLatencies;
  readonly rejected: number;
  readonly interruptions: number;
  readonly holds: number;
}

/** Processor time that sending took. */
export interface FeedEffort {
  readonly busyShare: number;
  readonly cpuSeconds: number;
}

export type FromFeedProcess =
  /** It listens. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'state'; readonly state: FeedProgress }
  /** All is sent, or the time is over. */
  | {
      readonly kind: 'ended';
      readonly state: FeedProgress;
      readonly sent: SentTicks;
      readonly effort: FeedEffort;
    }
  | { readonly kind: 'report'; readonly report: FeedReport }
  /** It cannot go on. */
  | { readonly kind: 'failed'; readonly message: string };
