import type { Registry } from 'prom-client';
import { addCounter, addCounters } from './metric-collectors.ts';
import { REJECT_REASONS } from '../market/tick.ts';

const DROP_REASONS = ['slow', 'resume', 'buffer'];
/** More reasons than there are names for would be a flood of time series. */
const MAX_REASONS = 64;

/** Totals of a process since it began. */
export interface MetricTotals {
  accepted: number;
  acceptedFrames: number;
  committed: number;
  rejectedStored: number;
  flushFailures: number;
  invalidated: number;
  delivered: number;
  liveFrames: number;
  liveBytes: number;
  filled: number;
  readonly rejected: Map<string, number>;
  readonly reopens: Map<string, number>;
  readonly dropped: Map<string, number>;
  readonly gaps: Map<string, number>;
  readonly resumes: Map<string, number>;
}

export function newTotals(): MetricTotals {
  return {
    accepted: 0,
    acceptedFrames: 0,
    committed: 0,
    rejectedStored: 0,
    flushFailures: 0,
    invalidated: 0,
    delivered: 0,
    liveFrames: 0,
    liveBytes: 0,
    filled: 0,
    // Known reasons begin at 0, so that their first occurrence is a rise.
    rejected: zeros(REJECT_REASONS),
    reopens: new Map(),
    dropped: zeros(DROP_REASONS),
    gaps: zeros(DROP_REASONS),
    resumes: zeros(['memory', 'stream', 'nothing']),
  };
}

function zeros(names: readonly string[]): Map<string, number> {
  return new Map(names.map((name) => [name, 0]));
}

export function addTo(counts: Map<string, number>, reason: string, step = 1): void {
  const key = counts.has(reason) || counts.size < MAX_REASONS ? reason : 'other';
  counts.set(key, (counts.get(key) ?? 0) + step);
}

/** Names and explains every total. */
export function exportTotals(registry: Registry, totals: MetricTotals): void {
  type Single = readonly [name: string, help: string, read: () => number];
  const singles: readonly Single[] = [
    ['ticks_accepted', 'Ticks that feeds sent and the buffer holds.', () => totals.accepted],
    ['frames_accepted', 'Frames that feeds sent and the buffer holds.', () => totals.acceptedFrames],
    ['ticks_committed', 'Ticks that this coordinator committed.', () => totals.committed],
    [
      'rejected_stored',
      'Rejected ticks that this coordinator stored, those refused by the database among them.',
      () => totals.rejectedStored,
    ],
    ['flush_failures', 'Flushes that failed and were tried again.', () => totals.flushFailures],
    [
      'condemned',
      'Feed states that this coordinator invalidated because their feeds could not go on.',
      () => totals.invalidated,
    ],
    [
      'live_delivered',
      'Ticks handed to the sockets of dashboards, each once for each dashboard.',
      () => totals.delivered,
    ],
    ['live_frames', 'WebSocket frames of ticks handed to the sockets of dashboards.', () => totals.liveFrames],
    ['live_sent_bytes', 'Bytes of the frames of ticks to dashboards.', () => totals.liveBytes],
    ['live_filled', 'Entries read from the stream because pub/sub did not bring them.', () => totals.filled],
  ];
  for (const [name, help, read] of singles) addCounter(registry, `tickgate_${name}_total`, help, read);

  type Labelled = readonly [name: string, help: string, label: string, counts: ReadonlyMap<string, number>];
  const labelled: readonly Labelled[] = [
    ['ticks_rejected', 'Ticks of feeds that are not valid, by reason.', 'reason', totals.rejected],
    ['reopens', 'Feeds told to open again, by reason.', 'reason', totals.reopens],
    ['live_dropped', 'Ticks that did not reach a dashboard which asked for them, by reason.', 'reason', totals.dropped],
    ['live_gaps', 'Gaps told to dashboards, by reason.', 'reason', totals.gaps],
    ['live_resumes', 'Dashboards that resumed, by where the missed ticks came from.', 'origin', totals.resumes],
  ];
  for (const [name, help, label, counts] of labelled) {
    addCounters(registry, `tickgate_${name}_total`, help, label, () => counts);
  }
}
