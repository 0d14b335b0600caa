import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { gatewayAddress, killed, openTestMarket } from '../support/test-market.ts';

/**
 * Many dashboards on `*`: bench-star.ts [SUBSCRIBERS] [TICKS/S] [SECONDS]
 * Needs the stack's addresses in the environment. Gateway, sinks and feed are processes of their own.
 */
interface Report {
  readonly subscribed: number;
  readonly ticks: number;
  readonly sum: number;
  readonly bytes: readonly number[];
  readonly checksums: readonly number[];
  readonly frames: number;
  readonly cpuMicros: number;
}

const FRAME = 50;
const write = (line: string): void => void process.stdout.write(`${line}\n`);
const [subscribers = 500, rate = 8_000, seconds = 10] = process.argv.slice(2).map(Number);

const market = await openTestMarket();
await market.run('setup-db');
const gateway = market.spawn(['serve'], { MAX_UNAUTHENTICATED_PER_ADDRESS: String(subscribers + 10) });
const url = await gatewayAddress(gateway);
const child = fork(fileURLToPath(new URL('./star-sinks-child.ts', import.meta.url)), [url, String(subscribers)], {
  execArgv: ['--import', 'tsx'],
});
let report: Report | undefined;
child.on('message', (message: Report) => (report = message));
const until = async (what: string, check: () => boolean): Promise<void> => {
  const deadlineMs = Date.now() + 60_000;
  while (!check()) {
    if (Date.now() > deadlineMs) throw new Error(`not in a minute: ${what}; ${JSON.stringify(report)?.slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
await until('all subscribed', () => report?.subscribed === subscribers);

const feed = new FeedClient({ url, feed: 'bench-star' });
await feed.opened();
const startMs = performance.now();
let sent = 0;
for (let frames = 0; performance.now() - startMs < seconds * 1_000;) {
  const due = Math.floor(((performance.now() - startMs) * rate) / 1_000 / FRAME);
  for (; frames < due; frames++) {
    const timeMicros = Date.now() * 1_000;
    await feed.publishFrame(
      Array.from({ length: FRAME }, () => ({ symbol: `S${sent % 250}`, price: 10.5, volume: ++sent, timeMicros })),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await until('all decoded', () => (report?.ticks ?? 0) >= sent);
const tookSeconds = (performance.now() - startMs) / 1_000;
await until('all sinks equal', () => new Set(report?.bytes).size === 1);
const { ticks = 0, sum = 0, checksums = [], frames = 0, cpuMicros = 0 } = report ?? {};
const isComplete = ticks === sent && sum === (sent * (sent + 1)) / 2 && new Set(checksums).size === 1;
write(`${subscribers} subscribers, ${sent} ticks in ${tookSeconds.toFixed(1)} s`);
write(
  `deliveries/s: ${Math.round((sent * subscribers) / tookSeconds)}; ticks a frame: ${((sent * subscribers) / frames).toFixed(1)}`,
);
write(`sinks' CPU seconds: ${(cpuMicros / 1e6).toFixed(1)}`);
write(isComplete ? 'every sink got the same bytes, and they hold every tick' : 'INCOMPLETE');
child.send('end');
await feed.close();
await killed(gateway);
await market.close();
process.exitCode = isComplete ? 0 : 1;
