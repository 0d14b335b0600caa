import * as assert from 'uvu/assert';
import { EGX_LISTINGS } from '../../../clients/simulator/egx-listings.ts';
import { egxSession } from '../../../clients/simulator/egx-session.ts';
import {
  type SessionOptions,
  type SimulatedTick,
  simulateContinuous,
  simulateSession,
} from '../../../clients/simulator/generate-ticks.ts';
import { priceLimits, tickMills, toMills, toPounds } from '../../../clients/simulator/price-ladder.ts';
import { SimulationError } from '../../../clients/simulator/simulation-error.ts';
import { checkPrice, checkVolume, isSymbol } from '../../../src/market/tick.ts';
import { suite } from '../../support/suite.ts';

const test = suite('clients/simulator/generate-ticks');
const DAY: SessionOptions = { seed: 42, date: '2025-12-01', ticksPerSecond: 20 };

function runDay(options: SessionOptions): { ticks: SimulatedTick[]; closes: Record<string, number> } {
  const generator = simulateSession(options);
  const ticks: SimulatedTick[] = [];
  for (;;) {
    const next = generator.next();
    if (next.done === true) return { ticks, closes: next.value };
    ticks.push(next.value);
  }
}

function take(ticks: Iterable<SimulatedTick>, count: number): SimulatedTick[] {
  const taken: SimulatedTick[] = [];
  for (const tick of ticks) if (taken.push(tick) >= count) break;
  return taken;
}

const day = runDay(DAY);
const session = egxSession(DAY.date);
const inSpan = (from: number, to: number): SimulatedTick[] =>
  day.ticks.filter((tick) => tick[3] >= from && tick[3] < to);

test('the same seed gives the same day, another one another day', () => {
  assert.equal(runDay(DAY), day);
  assert.not.equal(take(simulateSession({ ...DAY, seed: 43 }), 100), day.ticks.slice(0, 100));
});

test('has about as many ticks as asked for, in time order, in whole microseconds', () => {
  const seconds = (session.auctionMicros - session.openMicros) / 1e6;
  const continuous = inSpan(session.openMicros, session.auctionMicros).length;
  assert.ok(Math.abs(continuous / (20 * seconds) - 1) < 0.02, `${continuous} ticks`);
  let before = session.openMicros;
  for (const [, , , time] of day.ticks) {
    if (!Number.isSafeInteger(time) || time < before) assert.unreachable(`${time} after ${before}`);
    before = time;
  }
  assert.ok(before < session.endMicros);
  const distinct = new Set(day.ticks.map((tick) => tick[3] % 1_000));
  assert.is(distinct.size, 1_000, 'microseconds are used');
});

test('no tick outside the hours or in the closing auction', () => {
  const inAuction = inSpan(session.auctionMicros, session.atCloseMicros);
  assert.is(inAuction.length, 0);
  assert.is(inSpan(session.openMicros, session.endMicros).length, day.ticks.length);
  const ramadan = egxSession('2025-03-02', { ramadan: true });
  for (const [, , , time] of simulateSession({ ...DAY, date: '2025-03-02', ramadan: true })) {
    if (time < ramadan.openMicros || time >= ramadan.endMicros) assert.unreachable(`tick at ${time}`);
    if (time >= ramadan.auctionMicros && time < ramadan.atCloseMicros) assert.unreachable(`tick at ${time}`);
  }
});

test('opens and closes with a burst', () => {
  const minutes = (count: number): number => count * 60e6;
  const { openMicros: open, auctionMicros: close } = session;
  const middle = (open + close) / 2;
  const quiet = inSpan(middle - minutes(30), middle + minutes(30)).length / 60;
  const opening = inSpan(open, open + minutes(5)).length / 5;
  const closing = inSpan(close - minutes(5), close).length / 5;
  assert.ok(opening > 4 * quiet, `opening ${opening} a minute, middle ${quiet}`);
  assert.ok(closing > 3 * quiet, `closing ${closing} a minute, middle ${quiet}`);
});

test('after the auction trades only at the closing price', () => {
  const last = new Map<string, number>();
  for (const [symbol, price] of inSpan(session.openMicros, session.auctionMicros)) last.set(symbol, price);
  const atClose = inSpan(session.atCloseMicros, session.endMicros);
  assert.ok(atClose.length > 1_000);
  for (const [symbol, price] of atClose) assert.is(price, last.get(symbol) ?? day.closes[symbol]);
  for (const [symbol, price] of last) assert.is(day.closes[symbol], price);
});

test('a share without a trade closes at its previous close, also after the auction', () => {
  const { ticks, closes } = runDay({ ...DAY, ticksPerSecond: 0.02 });
  const continuous = new Set(ticks.filter((tick) => tick[3] < session.auctionMicros).map((tick) => tick[0]));
  const untouched = EGX_LISTINGS.filter((listing) => !continuous.has(listing.symbol));
  assert.ok(untouched.length > 50);
  for (const { symbol, previousClose } of untouched) assert.is(closes[symbol], previousClose);
});

test('every tick is one the gateway takes, on the tick size and within 20 % of the previous close', () => {
  const previous = new Map(EGX_LISTINGS.map((listing) => [listing.symbol, listing.previousClose]));
  for (const [symbol, price, volume] of day.ticks) {
    const close = previous.get(symbol) ?? Number.NaN;
    const mills = Math.round(price * 1_000);
    const isOnTick = price === toPounds(mills) && mills % tickMills(mills) === 0;
    const isInLimits = price >= close * 0.8 - 1e-9 && price <= close * 1.2 + 1e-9;
    const problem = checkPrice(price) ?? checkVolume(volume);
    if (!isOnTick || !isInLimits || volume < 1 || !isSymbol(symbol) || problem !== undefined) {
      assert.unreachable(`${symbol} ${price} ${volume}, previous close ${close}`);
    }
  }
});

test('the limits hold where the walk runs into them, across the change of the tick size', () => {
  // At a tick of 0.001 a share of 0.004 pounds can move by 25 %, so every step wants to leave the limits.
  const previousCloses = { A: 0.004, B: 0.005, C: 1.999, D: 2.01, E: 1.7 };
  const ticks = take(
    simulateContinuous({ seed: 1, symbols: Object.keys(previousCloses), previousCloses, startMicros: 0 }),
    200_000,
  );
  const bounds = new Map(
    Object.entries(previousCloses).map(([symbol, close]) => [symbol, priceLimits(toMills(close))]),
  );
  const seen = new Map<string, Set<number>>();
  for (const [symbol, price] of ticks) {
    const mills = Math.round(price * 1_000);
    const limits = bounds.get(symbol);
    if (limits === undefined || mills < limits.lowMills || mills > limits.highMills) {
      assert.unreachable(`${symbol} ${price}`);
    }
    if (mills % tickMills(mills) !== 0) assert.unreachable(`${symbol} ${price} is off its tick`);
    seen.set(symbol, (seen.get(symbol) ?? new Set()).add(mills));
  }
  assert.equal([...(seen.get('A') ?? [])], [4]);
  assert.equal(
    [...(seen.get('B') ?? [])].sort((a, b) => a - b),
    [4, 5, 6],
  );
  const crossing = [...(seen.get('C') ?? [])];
  assert.ok(crossing.some((mills) => mills < 2_000) && crossing.some((mills) => mills > 2_000));
});

test('prices wander in small steps and come back', () => {
  const previousCloses = Object.fromEntries(Array.from({ length: 12 }, (_, share) => [`S${share}`, 100]));
  const symbols = Object.keys(previousCloses);
  const ranges = new Map(symbols.map((symbol) => [symbol, { low: 100, high: 100, last: 0 }]));
  for (const [symbol, price] of take(
    simulateContinuous({ seed: 5, symbols, previousCloses, startMicros: 0 }),
    600_000,
  )) {
    const range = ranges.get(symbol);
    assert.ok(range);
    range.low = Math.min(range.low, price);
    range.high = Math.max(range.high, price);
    if (range.last > 0 && Math.abs(price - range.last) > 1) assert.unreachable(`from ${range.last} to ${price}`);
    range.last = price;
  }
  for (const { low, high } of ranges.values()) {
    assert.ok(high - low > 2, `from ${low} to ${high}`);
    // So many steps of a walk without a way back would lead to the limits.
    assert.ok(low > 92 && high < 108, `from ${low} to ${high}`);
  }
});

test('few shares trade most of the time, and volumes are spread like trades', () => {
  const counts = new Map<string, number>();
  for (const [symbol] of day.ticks) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  const sorted = [...counts.values()].sort((a, b) => b - a);
  const top = sorted.slice(0, 30).reduce((sum, count) => sum + count, 0) / day.ticks.length;
  assert.ok(top > 0.4 && top < 0.8, `the first 30 shares make ${top} of the trades`);
  assert.ok(counts.size > 260);
  assert.is(counts.get('COMI'), sorted[0]);
  const volumes = day.ticks.filter((tick) => tick[0] === 'COMI').map((tick) => tick[2]);
  volumes.sort((a, b) => a - b);
  const [median = 0, p99 = 0] = [volumes[volumes.length >> 1], volumes[Math.floor(volumes.length * 0.99)]];
  assert.ok(p99 > 8 * median, `median ${median}, 99th percentile ${p99}`);
});

test('takes a number of shares, chosen ones, and previous closes of its own', () => {
  const some = new Set(take(simulateSession({ ...DAY, symbols: 3 }), 500).map((tick) => tick[0]));
  assert.equal(
    [...some].sort(),
    EGX_LISTINGS.slice(0, 3)
      .map((listing) => listing.symbol)
      .sort(),
  );
  const [first] = take(simulateSession({ ...DAY, symbols: ['NEW.CA'], previousCloses: { 'NEW.CA': 1_000 } }), 1);
  assert.is(first?.[0], 'NEW.CA');
  assert.ok(Math.abs((first?.[1] ?? 0) / 1_000 - 1) < 0.1);
  const { closes } = runDay({ ...DAY, symbols: 20 });
  const next = runDay({ ...DAY, date: '2025-12-02', symbols: 20, previousCloses: closes });
  assert.equal(Object.keys(next.closes), Object.keys(closes));
});

test('an endless market trades evenly from its start on', () => {
  const ticks = take(simulateContinuous({ seed: 1, startMicros: 1_000_000, ticksPerSecond: 1_000 }), 100_000);
  const lastSecond = ((ticks.at(-1)?.[3] ?? 0) - 1_000_000) / 1e6;
  assert.ok(Math.abs(lastSecond - 100) < 2, `${lastSecond} s for 100,000 ticks`);
  assert.ok((ticks[0]?.[3] ?? 0) >= 1_000_000);
});

const REFUSED: ReadonlyArray<readonly [what: string, options: Partial<SessionOptions>, message: string]> = [
  ['an unknown share', { symbols: ['COMI', 'ACME'] }, 'ACME is not among the 269 shares of the simulator'],
  ['no share', { symbols: [] }, 'no symbols are given'],
  ['too many shares', { symbols: 1_000 }, '1000 symbols are not to be had'],
  ['half a share', { symbols: 1.5 }, '1.5 symbols are not to be had'],
  ['a close of nothing', { symbols: ['COMI'], previousCloses: { COMI: 0 } }, 'the previous close of COMI is 0'],
  ['no ticks', { ticksPerSecond: 0 }, '0 ticks per second cannot be simulated'],
  ['a rate that is no number', { ticksPerSecond: Number.NaN }, 'NaN ticks per second cannot be simulated'],
  ['a Friday', { date: '2025-12-05' }, '2025-12-05 is a Friday; the Egyptian Exchange trades Sunday to Thursday'],
];

for (const [what, options, message] of REFUSED) {
  test(`refuses ${what} before the first tick`, () => {
    assert.throws(
      () => simulateSession({ ...DAY, ...options }),
      (error: unknown) => error instanceof SimulationError && error.message === message && error.remedy !== '',
    );
  });
}
