import { readFileSync } from 'node:fs';
import { runLoad } from '../../clients/load/run-load.ts';
import type { LoadResult } from '../../clients/load/load-result.ts';
import { gatewayAddress, killed, openTestMarket } from '../support/test-market.ts';
import { StarSink } from './star-sink.ts';

/**
 * What dashboards that stopped reading do to the others: bench-stalled.ts [SUBSCRIBERS] [STALLED] [TICKS/S] [SECONDS]
 * Runs the same load twice, the second time beside stalled dashboards on `*`. Needs the stack's addresses in the
 * environment, and a machine that does nothing else.
 */
const write = (line: string): void => void process.stdout.write(`${line}\n`);
const [subscribers = 450, stalled = 50, rate = 10_000, seconds = 15] = process.argv.slice(2).map(Number);

const market = await openTestMarket();
await market.run('setup-db');
const gateway = market.spawn(['serve'], { MAX_UNAUTHENTICATED_PER_ADDRESS: '10000', LIVE_SLOW_MS: '3600000' });
const url = await gatewayAddress(gateway);

const load = (): Promise<LoadResult> =>
  runLoad({
    url,
    token: undefined,
    feeds: 1,
    rate,
    frameTicks: 50,
    symbols: 250,
    subscribers,
    subscribe: 20,
    mode: 'all',
    codec: 'msgpack',
    durationMs: seconds * 1_000,
    warmUpMs: 3_000,
    settleMs: 30_000,
    until: 'committed',
  });
const residentMegabytes = (): number => {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid ?? 0}/status`, 'utf8'))?.[1];
  return Math.round(Number(kilobytes) / 1_024);
};
const show = (name: string, { deliveryMs, ackMs, failures }: LoadResult): void => {
  const of = ({ p50, p99 }: { readonly p50: number; readonly p99: number }): string =>
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
  write(`${name}: delivery ${of(deliveryMs)}; ack ${of(ackMs)}; gateway ${residentMegabytes()} MB`);
  for (const failure of failures) write(`  ${failure}`);
};

const alone = await load();
show('all read', alone);
const sinks = Array.from({ length: stalled }, () => new StarSink(url, false));
await new Promise((resolve) => setTimeout(resolve, 2_000));
for (const sink of sinks) sink.pause();
const beside = await load();
show(`beside ${stalled} that do not`, beside);
const ratio = (a: number, b: number): string => (b / a).toFixed(2);
write(
  `delivery p99 × ${ratio(alone.deliveryMs.p99, beside.deliveryMs.p99)}, ack p99 × ${ratio(alone.ackMs.p99, beside.ackMs.p99)}`,
);
for (const sink of sinks) sink.close();
await killed(gateway);
await market.close();
