import { nearestAllowed, type PriceLimits, priceLimits, tickMills, toMills, toPounds } from './price-ladder.ts';
import type { Random } from './random.ts';

const OPENING_GAP = 0.008;
const FAIR_VALUE_SPREAD = 0.015;
const FAIR_VALUE_CHANGES_EVERY = 400;
/** Part of the distance to the fair value that a trade makes up for. */
const REVERSION = 0.03;
const STEP = 0.0003;
const MIN_STEP_TICKS = 0.6;
/** Median value of a trade, in pounds. */
const MEDIAN_TURNOVER = 6_000;
const TURNOVER_SPREAD = 1.2;
const MAX_TRADE_SHARES = 5_000_000;

/** One share through a day: a price that wanders around a fair value in tick-size steps, within the day's limits. */
export class ShareWalk {
  readonly symbol: string;
  readonly #random: Random;
  readonly #previousMills: number;
  readonly #limits: PriceLimits;
  #fairMills: number;
  #priceMills: number;
  #hasTraded = false;

  constructor(symbol: string, previousClose: number, random: Random) {
    this.symbol = symbol;
    this.#random = random;
    this.#previousMills = toMills(previousClose);
    this.#limits = priceLimits(this.#previousMills);
    this.#priceMills = nearestAllowed(this.#previousMills * (1 + OPENING_GAP * random.normal()), this.#limits);
    this.#fairMills = this.#drawFairValue();
  }

  /** Price of the next trade, in pounds. The first one is the opening price. */
  nextPrice(): number {
    if (this.#hasTraded) this.#step();
    this.#hasTraded = true;
    return toPounds(this.#priceMills);
  }

  /** Price of the last trade, or the previous close where there was none, in pounds. */
  closingPrice(): number {
    return toPounds(this.#hasTraded ? this.#priceMills : this.#previousMills);
  }

  /** Shares of a trade: log-normal, many of them round, at least one. */
  nextVolume(): number {
    const turnover = MEDIAN_TURNOVER * Math.exp(TURNOVER_SPREAD * this.#random.normal());
    const shares = Math.min(MAX_TRADE_SHARES, turnover / toPounds(this.#priceMills));
    const lot = this.#random.fraction() < 0.5 ? 1 : roundLot(shares);
    return Math.max(1, Math.round(shares / lot) * lot);
  }

  #step(): void {
    const random = this.#random;
    const price = this.#priceMills;
    if (random.fraction() * FAIR_VALUE_CHANGES_EVERY < 1) this.#fairMills = this.#drawFairValue();
    const deviation = Math.max(MIN_STEP_TICKS * tickMills(price), STEP * price);
    const move = REVERSION * (this.#fairMills - price) + deviation * random.normal();
    this.#priceMills = nearestAllowed(price + move, this.#limits);
  }

  #drawFairValue(): number {
    return this.#previousMills * (1 + FAIR_VALUE_SPREAD * this.#random.normal());
  }
}

/** A tenth of the magnitude: 1,234 shares become 1,200. */
function roundLot(shares: number): number {
  return shares < 10 ? 1 : 10 ** (Math.floor(Math.log10(shares)) - 1);
}
