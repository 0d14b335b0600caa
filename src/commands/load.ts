import type { Command } from 'commander';
import type { LoadPlan } from '../../clients/load/load-plan.ts';
import { formatLoadResult } from '../../clients/load/load-result.ts';
import { type LoadProgress, runLoad } from '../../clients/load/run-load.ts';
import { loadConfig } from '../config.ts';
import { describeError, StoreUnavailableError, UsageError } from '../errors.ts';
import { gatewayUrl } from './gateway-url.ts';
import { oneOf, wholeBetween } from './options.ts';
import { ProgressBar } from './progress-bar.ts';
import { print } from './terminal.ts';

interface LoadOptions {
  readonly url?: string;
  readonly feeds: number;
  readonly rate: number;
  readonly frame: number;
  readonly symbols: number;
  readonly subscribers: number;
  readonly subscribe: number | '*';
  readonly mode: 'all' | 'latest';
  readonly codec: 'msgpack' | 'json';
  readonly duration: number;
  readonly warmUp: number;
  readonly settle: number;
  readonly until: 'committed' | 'acked';
}

const MAX_SYMBOLS = 100_000;
const MAX_FEEDS = 10_000;
const MAX_SUBSCRIBERS = 50_000;

export function registerLoad(program: Command): void {
  program
    .command('load')
    .description('load test of a gateway: feeds by the clock, subscribers, latencies, and whether everything arrived')
    .option('--url <url>', 'the gateway; default: GATEWAY_HOST and GATEWAY_PORT')
    .option('--feeds <count>', 'feeds', wholeBetween(1, MAX_FEEDS), 1)
    .option('--rate <ticks>', 'ticks a second, all feeds together', wholeBetween(1, 100_000_000), 10_000)
    .option('--frame <ticks>', 'ticks a frame', wholeBetween(1, 5_000), 50)
    .option('--symbols <count>', 'distinct symbols', wholeBetween(1, MAX_SYMBOLS), 250)
    .option('--subscribers <count>', 'dashboards', wholeBetween(0, MAX_SUBSCRIBERS), 0)
    .option('--subscribe <count|*>', 'symbols each of them names; * is every symbol', subscription, '*')
    .option('--mode <mode>', 'all, or latest: only the newest tick per symbol', oneOf(['all', 'latest']), 'all')
    .option('--codec <codec>', 'of the dashboards: msgpack or json', oneOf(['msgpack', 'json']), 'msgpack')
    .option('--duration <seconds>', 'time that is measured', wholeBetween(1, 86_400), 30)
    .option('--warm-up <seconds>', 'time before it', wholeBetween(0, 3_600), 3)
    .option('--settle <seconds>', 'how long the last ticks may take', wholeBetween(1, 3_600), 15)
    .option(
      '--until <what>',
      'committed, or acked for a gateway that nobody flushes',
      oneOf(['committed', 'acked']),
      'committed',
    )
    .addHelpText('after', '\nThe ticks are stored like others. Their symbols begin with LOAD-, their feeds with load-.')
    .action(async (options: LoadOptions, command: Command) => {
      const config = loadConfig(process.env);
      const plan = planOf(options, options.url ?? gatewayUrl(config), config.tickgateToken);
      const stop = new AbortController();
      const onSignal = (): void => stop.abort();
      process.once('SIGINT', onSignal);
      const progress = new LoadProgressBar(plan);
      try {
        const result = await runLoad(plan, { onProgress: (now) => progress.update(now), signal: stop.signal });
        progress.stop();
        print(command, formatLoadResult(result), result);
        if (result.failures.length > 0) process.exitCode = 1;
      } catch (error) {
        progress.stop();
        throw new StoreUnavailableError(`the load test of ${plan.url} ended: ${describeError(error)}`, {
          remedy: 'see whether the gateway runs (/readyz), whether its limits allow so much, and set TICKGATE_TOKEN',
          cause: error,
        });
      } finally {
        process.off('SIGINT', onSignal);
      }
    });
}

function planOf(options: LoadOptions, url: string, token: string | undefined): LoadPlan {
  if (!URL.canParse(url)) {
    throw new UsageError(`--url ${url} is not an address`, { remedy: 'write it as http://host:port' });
  }
  return {
    url,
    token,
    feeds: options.feeds,
    rate: options.rate,
    frameTicks: options.frame,
    symbols: options.symbols,
    subscribers: options.subscribers,
    subscribe: options.subscribe,
    mode: options.mode,
    codec: options.codec,
    durationMs: options.duration * 1_000,
    warmUpMs: options.warmUp * 1_000,
    settleMs: options.settle * 1_000,
    until: options.until,
  };
}

/** Progress by the plan's clock. Ticks on their way are drawn as missing ones. */
class LoadProgressBar {
  readonly #bar: ProgressBar;
  readonly #totalSeconds: number;

  constructor(plan: LoadPlan) {
    this.#totalSeconds = Math.round((plan.warmUpMs + plan.durationMs) / 1_000);
    const format =
      '{bar} {value}/{total} s | sent {sent} | acknowledged −{acked} | committed −{committed} | delivered {delivered}';
    this.#bar = new ProgressBar(format, this.#totalSeconds, { sent: 0, acked: 0, committed: 0, delivered: 0 });
  }

  update({ elapsedMs, sentTicks, ackedTicks, committedTicks, deliveries }: LoadProgress): void {
    this.#bar.update(Math.max(0, Math.min(this.#totalSeconds, Math.floor(elapsedMs / 1_000))), {
      sent: sentTicks,
      acked: sentTicks - ackedTicks,
      committed: sentTicks - committedTicks,
      delivered: deliveries,
    });
  }

  stop(): void {
    this.#bar.stop();
  }
}

function subscription(text: string): number | '*' {
  return text === '*' ? '*' : wholeBetween(1, MAX_SYMBOLS)(text);
}
