import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { simulateContinuous } from '../../clients/simulator/generate-ticks.ts';
import { type Config, loadConfig } from '../config.ts';
import { StoreUnavailableError, UsageError } from '../errors.ts';
import { type Gateway, startGateway } from '../gateway/gateway.ts';
import { connectBuffer, type OneOffBuffer } from '../gateway/command-buffer.ts';
import { QUIET_LOG_LEVEL } from '../logger.ts';
import { decodeFlushNotice } from '../stream/flush-notice.ts';
import { ensureStack, stackEnvironment } from '../stack/ensure-stack.ts';
import { setupDatabase } from '../store/setup-database.ts';
import { withStore } from '../store/store-session.ts';
import { type DemoNumbers, DemoScreen } from './demo-screen.ts';
import { MarketFeed } from './market-feed.ts';
import { MAX_SECONDS, parseSeconds } from './options.ts';
import { isJsonAsked, print, untilSignal } from './terminal.ts';

const TICKS_PER_SECOND = 2_000;
const USUAL_PORT = 8_080;
const SHOW_MS = 500;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('everything at once: Redis and TimescaleDB, a gateway, and a made-up market of EGX shares')
    .option('--seconds <seconds>', 'ends after so long; default: with Ctrl-C', parseSeconds)
    .action(async (options: { readonly seconds?: number }, command: Command) => {
      const out = isJsonAsked(command) ? process.stderr : process.stdout;
      const say = (line: string): void => void out.write(`${line}\n`);
      const config = await demoConfig(say);
      const stop = new AbortController();
      void untilSignal().then(() => stop.abort());
      await withStore(config, 'demo', (client) => setupDatabase(client, config));
      const numbers = await runDemo(config, options.seconds, stop, new DemoScreen(out));
      const { published, committed } = numbers;
      if (committed !== published) {
        throw new StoreUnavailableError(`${published} ticks published, but ${committed} committed`, {
          remedy: 'run `tickgate doctor`',
        });
      }
      print(
        command,
        `ended cleanly: ${published} ticks published = ${committed} committed; Redis and TimescaleDB stay up`,
        numbers,
      );
    });
}

/** Settings of the demo: its own gateway on loopback, on servers that are started where there are none. */
async function demoConfig(say: (line: string) => void): Promise<Config> {
  const addresses = await ensureStack({ onProgress: (line) => say(`stack: ${line}`) });
  // On servers that somebody else gave, a made-up market stays out of the real one's tables.
  const prefix = addresses.way === 'environment' ? { TICKS_PREFIX: 'demo' } : {};
  const env = { LOG_LEVEL: QUIET_LOG_LEVEL, ...prefix, ...process.env, ...stackEnvironment(addresses) };
  return {
    ...loadConfig(env),
    gatewayHost: '127.0.0.1',
    gatewayTokensFile: undefined,
    jwtJwksUrl: undefined,
    jwtKeyFile: undefined,
    jwtIssuer: undefined,
    jwtAudience: undefined,
    tlsCert: undefined,
    tlsKey: undefined,
    flushEnabled: true,
  };
}

/** @returns the last numbers, when everything published is committed and the gateway is closed */
async function runDemo(
  config: Config,
  seconds: number | undefined,
  stop: AbortController,
  screen: DemoScreen,
): Promise<DemoNumbers> {
  await using gateway = await openGateway(config);
  await using buffer = await connectBuffer(config);
  let lastFlush: DemoNumbers['lastFlush'];
  await buffer.onFlushed((notice) => {
    const { rows, flushMs } = decodeFlushNotice(notice);
    lastFlush = { rows, ms: flushMs };
  });
  await using feed = new MarketFeed({
    url: gateway.url,
    feed: `demo-${gateway.port}`,
    ticks: simulateContinuous({ seed: Date.now(), startMicros: Date.now() * 1000, ticksPerSecond: TICKS_PER_SECOND }),
    speed: 1,
    stamp: 'wall',
  });
  const read = async (): Promise<DemoNumbers> => ({
    url: gateway.url,
    published: feed.tally.published,
    acknowledged: feed.tally.acked,
    committed: feed.tally.committed,
    buffered: await bufferedTicks(buffer),
    lastFlush,
  });
  if (await feed.opened(stop.signal)) {
    const timer = setTimeout(() => stop.abort(), (seconds ?? MAX_SECONDS) * 1000);
    const showing = showUntil(stop.signal, screen, read);
    try {
      await feed.publish(stop.signal);
    } finally {
      clearTimeout(timer);
      stop.abort();
      await showing;
    }
    await feed.drained();
  }
  const numbers = await read();
  screen.show(numbers, performance.now());
  return numbers;
}

/** On the usual port, or on a free one when that is taken. */
async function openGateway(config: Config): Promise<Gateway> {
  if (config.gatewayPort !== USUAL_PORT) return startGateway(config);
  try {
    return await startGateway(config);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return startGateway({ ...config, gatewayPort: 0 });
  }
}

async function bufferedTicks({ buffer }: OneOffBuffer): Promise<number | undefined> {
  return buffer.size().then(
    ({ ticks }) => ticks,
    () => undefined,
  );
}

async function showUntil(signal: AbortSignal, screen: DemoScreen, read: () => Promise<DemoNumbers>): Promise<void> {
  while (!signal.aborted) {
    screen.show(await read(), performance.now());
    await sleep(SHOW_MS, undefined, { signal }).catch(() => undefined);
  }
}
