/**
 * Prices as the exchange allows them. Inside the simulator a price is a whole number of mills (thousandths of a pound),
 * so that steps and limits are exact; outside it is the double nearest to that decimal, which prints as 45.5.
 */

const MILLS_PER_POUND = 1_000;
/** Below two pounds the tick is one mill, from there on ten. */
const FINE_BELOW_MILLS = 2_000;
const COARSE_TICK_MILLS = 10;
const LIMIT_TENTHS = 2;

/** The tick size at a price, in mills. */
export function tickMills(priceMills: number): number {
  return priceMills < FINE_BELOW_MILLS ? 1 : COARSE_TICK_MILLS;
}

/** The allowed price nearest to a price in pounds, in mills, at least one tick. */
export function toMills(price: number): number {
  return Math.max(1, snap(price * MILLS_PER_POUND, Math.round));
}

/** A price in pounds: the double nearest to the decimal, whose shortest text is the decimal itself. */
export function toPounds(priceMills: number): number {
  return priceMills / MILLS_PER_POUND;
}

/** The lowest and the highest price a share may trade at: 20 % around its previous close, inwards to the tick. */
export interface PriceLimits {
  readonly lowMills: number;
  readonly highMills: number;
}

export function priceLimits(previousCloseMills: number): PriceLimits {
  return {
    lowMills: Math.max(1, snap((previousCloseMills * (10 - LIMIT_TENTHS)) / 10, Math.ceil)),
    highMills: snap((previousCloseMills * (10 + LIMIT_TENTHS)) / 10, Math.floor),
  };
}

/** The allowed price nearest to a number of mills, within the limits. */
export function nearestAllowed(mills: number, limits: PriceLimits): number {
  return Math.min(limits.highMills, Math.max(limits.lowMills, snap(mills, Math.round)));
}

function snap(mills: number, round: (value: number) => number): number {
  const tick = tickMills(mills);
  return round(mills / tick) * tick;
}
