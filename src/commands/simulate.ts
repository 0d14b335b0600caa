import type { Command } from 'commander';
import { FileJournal } from '../../clients/feed/feed-journal.ts';
import type { FeedConnectionState } from '../../clients/feed/feed-link.ts';
import { EGX_LISTINGS } from '../../clients/simulator/egx-listings.ts';
import { egxSession } from '../../clients/simulator/egx-session.ts';
import {
  type MarketOptions,
  simulateContinuous,
  type SimulatedTick,
  simulateSession,
} from '../../clients/simulator/generate-ticks.ts';
import { SimulationError } from '../../clients/simulator/simulation-error.ts';
import { loadConfig } from '../config.ts';
import { describeError, UsageError } from '../errors.ts';
import { MAX_FUTURE_MICROS } from '../market/tick.ts';
import { gatewayUrl } from './gateway-url.ts';
import { MarketFeed } from './market-feed.ts';
import { checkFeedOption, MAX_SECONDS, parsePositive, parseSeconds, parseSpeed } from './options.ts';
import { print, untilSignal } from './terminal.ts';

interface SimulateOptions {
  readonly seed: string;
  readonly date?: string;
  readonly ramadan?: true;
  readonly now?: true;
  readonly symbols?: number | readonly string[];
  readonly rate?: number;
  readonly speed: number | 'max';
  readonly feed: string;
  readonly url?: string;
  readonly seconds?: number;
  readonly journal?: string;
}

export function registerSimulate(program: Command): void {
  program
    .command('simulate')
    .description('publishes a made-up market of EGX shares: one that never closes, stamped now, or a session of a date')
    .option('--seed <seed>', 'the same seed gives the same trades', '1')
    .option('--date <date>', 'a whole session of this day (YYYY-MM-DD), stamped as it would have been')
    .option('--ramadan', 'the shorter session of Ramadan')
    .option('--now', 'stamps a session with the wall clock')
    .option(
      '--symbols <number|list>',
      `how many shares, or which (COMI,ETEL); default: all ${EGX_LISTINGS.length}`,
      parseSymbols,
    )
    .option('--rate <ticks>', 'ticks a second on average; default: 10, about a real day', parsePositive)
    .option(
      '--speed <factor>',
      '1x is the pace of the clock, 60x a minute in a second, max as fast as it goes',
      parseSpeed,
      1,
    )
    .option('--feed <name>', 'name of the feed', 'egx-sim')
    .option('--url <url>', 'the gateway; default: GATEWAY_HOST and GATEWAY_PORT')
    .option('--seconds <seconds>', 'ends after so long; default: at the close, or with Ctrl-C', parseSeconds)
    .option('--journal <file>', 'what is published survives the death of this process; sent with the next start')
    .action(async (options: SimulateOptions, command: Command) => {
      const result = await simulate(options);
      const rejected = result.rejected === 0 ? '' : `, ${result.rejected} of them rejected`;
      const rate = result.seconds > 0 ? Math.round(result.committed / result.seconds) : 0;
      print(
        command,
        `${result.committed} ticks committed as feed ${result.feed} in ${result.seconds} s (${rate}/s)${rejected}`,
        result,
      );
    });
}

interface SimulateResult {
  readonly feed: string;
  readonly published: number;
  readonly committed: number;
  readonly rejected: number;
  readonly seconds: number;
  readonly lastSeq: number;
}

async function simulate(options: SimulateOptions): Promise<SimulateResult> {
  const config = loadConfig(process.env);
  refuseBadOptions(options);
  const ticks = market(options);
  const url = options.url ?? gatewayUrl(config);
  const stop = new AbortController();
  void untilSignal().then(() => stop.abort());
  const stamp = options.date === undefined || options.now === true ? 'wall' : 'session';
  await using feed = new MarketFeed({
    url,
    feed: options.feed,
    token: config.tickgateToken,
    ticks,
    speed: options.speed,
    stamp,
    // A session of the past as fast as it goes is a backfill: stored, not delivered live.
    live: stamp === 'wall' || options.speed !== 'max',
    ...(options.journal === undefined ? {} : { journal: openJournal(options.journal) }),
    onState: sayState(url),
  });
  const startMs = (await feed.opened(stop.signal)) ? performance.now() : undefined;
  if (startMs !== undefined) {
    const timer = setTimeout(() => stop.abort(), (options.seconds ?? MAX_SECONDS) * 1000);
    await feed.publish(stop.signal).finally(() => clearTimeout(timer));
    await feed.drained();
  }
  const { published, committed } = feed.tally;
  const seconds = startMs === undefined ? 0 : Number(((performance.now() - startMs) / 1000).toFixed(1));
  return { feed: options.feed, published, committed, rejected: feed.rejected, seconds, lastSeq: feed.lastSeq };
}

/** @throws {UsageError} */
function refuseBadOptions({ feed, date, ramadan, now, url }: SimulateOptions): void {
  checkFeedOption(feed);
  if (url !== undefined && !/^(?:ws|http)s?:\/\/[^/]/.test(url)) {
    throw new UsageError(`--url ${JSON.stringify(url)} is not an address`, { remedy: 'such as http://127.0.0.1:8080' });
  }
  if (date === undefined && (ramadan === true || now === true)) {
    throw new UsageError(`${ramadan === true ? '--ramadan' : '--now'} is about a session`, {
      remedy: 'add --date YYYY-MM-DD; without it the market never closes and is stamped now anyway',
    });
  }
}

/** @throws {UsageError} */
function market(options: SimulateOptions): Iterable<SimulatedTick> {
  const shape: MarketOptions = {
    seed: options.seed,
    ...(options.symbols === undefined ? {} : { symbols: options.symbols }),
    ...(options.rate === undefined ? {} : { ticksPerSecond: options.rate }),
  };
  const nowMicros = Date.now() * 1000;
  try {
    if (options.date === undefined) return simulateContinuous({ ...shape, startMicros: nowMicros });
    const session = { date: options.date, ramadan: options.ramadan === true };
    if (options.now !== true && egxSession(options.date, session).endMicros > nowMicros + MAX_FUTURE_MICROS) {
      throw new UsageError(`the session of ${options.date} is not over: the gateway refuses ticks of the future`, {
        remedy: 'take a day before, or add --now',
      });
    }
    return simulateSession({ ...shape, ...session });
  } catch (error) {
    if (error instanceof SimulationError) throw new UsageError(error.message, { remedy: error.remedy, cause: error });
    throw error;
  }
}

function openJournal(path: string): FileJournal {
  try {
    return new FileJournal({ path });
  } catch (cause) {
    throw new UsageError(describeError(cause), { remedy: 'name another file with --journal', cause });
  }
}

/** Says on standard error that the gateway is away, once, and when it is back. */
function sayState(url: string): (state: FeedConnectionState) => void {
  let isAway = false;
  return (state) => {
    if (state === 'waiting' && !isAway) process.stderr.write(`no connection to ${url}; trying again\n`);
    if (state === 'open' && isAway) process.stderr.write('connected\n');
    isAway = state === 'waiting' || (isAway && state !== 'open');
  };
}

function parseSymbols(text: string): number | readonly string[] {
  if (/^\d+$/.test(text)) return Number(text);
  return text.split(',').map((symbol) => symbol.trim());
}
