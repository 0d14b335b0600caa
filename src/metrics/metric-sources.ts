import type { Registry } from 'prom-client';
import { withDeadline } from '../base/deadline.ts';
import { addCounters, addGauge, addGauges } from './metric-collectors.ts';

/** Ticks that no flush has committed. */
export interface BufferBacklog {
  readonly ticks: number;
  readonly oldestAgeMs: number;
}

/** Sources of gauges, read with each scrape; a process leaves out those it does not have. */
export interface MetricSources {
  /** Open WebSockets of every kind. */
  connections?(): number;
  /** Feeds open on this gateway. */
  feeds?(): number;
  /** Dashboards connected. */
  subscribers?(): number;
  /** Bytes that wait in this process for dashboards to read. */
  sendQueueBytes?(): number;
  /** How often each connection to Redis was lost, by its role. */
  redisReconnects?(): Readonly<Record<string, number>>;
  /** Whether each thing the process depends on is well. */
  dependencies?(): Readonly<Record<string, boolean>>;
  /** Rows of the tokens file that are not valid. */
  refusedTokens?(): number | undefined;
  /** Ticks in the buffer that no flush has committed. Where it rejects the numbers are left out. */
  buffer?(): Promise<BufferBacklog>;
}

const BUFFER_TIMEOUT_MS = 1_000;

/** Names and explains every source. */
export function exportSources(registry: Registry, sources: () => MetricSources): void {
  type Single = readonly [name: string, help: string, read: () => number | undefined | Promise<number | undefined>];
  const waiting = sharedAnswer(() => backlogOf(sources()));
  const singles: readonly Single[] = [
    ['connections', 'Open WebSockets.', () => sources().connections?.()],
    ['feeds', 'Feeds open on this gateway.', () => sources().feeds?.()],
    ['live_subscribers', 'Dashboards connected.', () => sources().subscribers?.()],
    [
      'live_send_queue_bytes',
      'Bytes that wait in this process for dashboards to read.',
      () => sources().sendQueueBytes?.(),
    ],
    ['tokens_refused_rows', 'Rows of the tokens file that are not valid.', () => sources().refusedTokens?.()],
    ['buffer_ticks', 'Ticks in the buffer that no flush has committed.', async () => (await waiting())?.ticks],
    [
      'buffer_oldest_age_seconds',
      'Since when the oldest uncommitted tick is in the buffer, by the clock of Redis; 0 when none is.',
      async () => {
        const answer = await waiting();
        return answer === undefined ? undefined : answer.oldestAgeMs / 1_000;
      },
    ],
  ];
  for (const [name, help, read] of singles) addGauge(registry, `tickgate_${name}`, help, read);
  addCounters(
    registry,
    'tickgate_redis_reconnects_total',
    'Connections to Redis that were lost, by what they are for.',
    'role',
    () => Object.entries(sources().redisReconnects?.() ?? {}),
  );
  addGauges(registry, 'tickgate_up', 'Whether a thing the process depends on is well: 1 or 0.', 'dependency', () =>
    Object.entries(sources().dependencies?.() ?? {}).map(([name, isUp]) => [name, isUp ? 1 : 0]),
  );
}

/** Single flight: callers share the answer that is on its way. */
function sharedAnswer<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return async () => {
    asked ??= ask().finally(() => (asked = undefined));
    return asked;
  };
}

/** Undefined where the process has no buffer, or Redis fails or takes too long. */
async function backlogOf(sources: MetricSources): Promise<BufferBacklog | undefined> {
  const asked = sources.buffer?.();
  return asked === undefined ? undefined : withDeadline(asked, BUFFER_TIMEOUT_MS).catch(() => undefined);
}
