import { ActivityRanks } from './activity-ranks.ts';
import { arrivalTimes, burstIntensity, expectedArrivals } from './arrival-times.ts';
import { EGX_LISTINGS } from './egx-listings.ts';
import { egxSession, type EgxSessionOptions } from './egx-session.ts';
import { Random } from './random.ts';
import { ShareWalk } from './share-walk.ts';
import { SimulationError } from './simulation-error.ts';

/** A simulated trade, as `/v1/feed` takes it. The price is in pounds, the volume in whole shares. */
export type SimulatedTick = readonly [symbol: string, price: number, volume: number, timeMicros: number];

export interface MarketOptions {
  /** The same seed and options give the same ticks. */
  readonly seed: number | string;
  /** Codes to trade, most active first; or how many of the list to take. Default: all of EGX_LISTINGS. */
  readonly symbols?: readonly string[] | number;
  /** Previous closes in pounds, where they are not those of EGX_LISTINGS. */
  readonly previousCloses?: Readonly<Record<string, number>>;
  /** On average over continuous trading. Default 10: some 150,000 a day. */
  readonly ticksPerSecond?: number;
}

export interface SessionOptions extends MarketOptions, EgxSessionOptions {
  /** The trading day in Cairo, `YYYY-MM-DD`. */
  readonly date: string;
}

export interface ContinuousOptions extends MarketOptions {
  readonly startMicros: number;
}

const DEFAULT_TICKS_PER_SECOND = 10;
const MAX_TICKS_PER_SECOND = 10_000_000;
/** Density of trade-at-close, compared with the average of continuous trading. */
const AT_CLOSE_INTENSITY = 0.5;

/**
 * The trades of a whole day in time order: continuous trading with its opening and closing bursts, none during the
 * closing auction, then trade-at-close. A share's closing price is that of its last trade, or its previous close.
 * @returns (of the generator) the closing prices by symbol, which fit `previousCloses` of the next day
 * @throws {SimulationError} on an option that cannot be followed
 */
export function simulateSession(options: SessionOptions): Generator<SimulatedTick, Record<string, number>> {
  const session = egxSession(options.date, options);
  const ticksPerSecond = checkRate(options.ticksPerSecond);
  const random = Random.fromSeed(options.seed);
  const shares = openShares(options, random);
  const openSeconds = (session.auctionMicros - session.openMicros) / 1e6;
  const continuous = arrivalTimes(random, {
    startMicros: session.openMicros,
    seconds: openSeconds,
    expected: expectedArrivals(openSeconds, ticksPerSecond, burstIntensity),
  });
  const atClose = arrivalTimes(random, {
    startMicros: session.atCloseMicros,
    seconds: (session.endMicros - session.atCloseMicros) / 1e6,
    expected: () => ticksPerSecond * AT_CLOSE_INTENSITY,
  });

  return (function* day(): Generator<SimulatedTick, Record<string, number>> {
    yield* tradeAt(continuous, shares, random, (share) => share.nextPrice());
    yield* tradeAt(atClose, shares, random, (share) => share.closingPrice());
    return Object.fromEntries(shares.map((share) => [share.symbol, share.closingPrice()]));
  })();
}

/**
 * Continuous trading at an even pace that never ends, from an instant on: a market that is always open.
 * @throws {SimulationError} on an option that cannot be followed
 */
export function simulateContinuous(options: ContinuousOptions): Generator<SimulatedTick, never> {
  const ticksPerSecond = checkRate(options.ticksPerSecond);
  const random = Random.fromSeed(options.seed);
  const shares = openShares(options, random);
  const times = arrivalTimes(random, {
    startMicros: options.startMicros,
    seconds: Number.POSITIVE_INFINITY,
    expected: () => ticksPerSecond,
  });
  return (function* always(): Generator<SimulatedTick, never> {
    yield* tradeAt(times, shares, random, (share) => share.nextPrice());
    throw new Error('an endless market has ended');
  })();
}

function* tradeAt(
  times: Iterable<number>,
  shares: readonly ShareWalk[],
  random: Random,
  priceOf: (share: ShareWalk) => number,
): Generator<SimulatedTick, void> {
  const ranks = new ActivityRanks(shares.length);
  for (const timeMicros of times) {
    const share = shares[ranks.draw(random)];
    if (share !== undefined) yield [share.symbol, priceOf(share), share.nextVolume(), timeMicros];
  }
}

function openShares(options: MarketOptions, random: Random): ShareWalk[] {
  const listed = new Map(EGX_LISTINGS.map((listing) => [listing.symbol, listing.previousClose]));
  return chooseSymbols(options.symbols).map((symbol) => {
    const previousClose = options.previousCloses?.[symbol] ?? listed.get(symbol);
    if (previousClose === undefined) {
      throw new SimulationError(
        `${symbol} is not among the ${listed.size} shares of the simulator`,
        'take a code of the exchange such as COMI, or give its previous close',
      );
    }
    if (!(previousClose > 0 && previousClose < 1e9)) {
      throw new SimulationError(`the previous close of ${symbol} is ${previousClose}`, 'give a price above 0');
    }
    return new ShareWalk(symbol, previousClose, random);
  });
}

function chooseSymbols(symbols: MarketOptions['symbols']): readonly string[] {
  const all = EGX_LISTINGS.map((listing) => listing.symbol);
  if (symbols === undefined) return all;
  if (typeof symbols === 'number') {
    if (Number.isInteger(symbols) && symbols >= 1 && symbols <= all.length) return all.slice(0, symbols);
    throw new SimulationError(`${symbols} symbols are not to be had`, `take 1 to ${all.length}`);
  }
  if (symbols.length === 0) throw new SimulationError('no symbols are given', 'give at least one, such as COMI');
  return [...new Set(symbols)];
}

function checkRate(ticksPerSecond = DEFAULT_TICKS_PER_SECOND): number {
  if (ticksPerSecond > 0 && ticksPerSecond <= MAX_TICKS_PER_SECOND) return ticksPerSecond;
  throw new SimulationError(
    `${ticksPerSecond} ticks per second cannot be simulated`,
    `take a number above 0, at most ${MAX_TICKS_PER_SECOND}`,
  );
}
