import type { Random } from './random.ts';

const ZIPF_EXPONENT = 1;
/** Flattens the very top: the first share trades several times the tenth, not ten times. */
const ZIPF_OFFSET = 2;

/** Draws ranks the way shares trade: a few all the time, most of them rarely. */
export class ActivityRanks {
  readonly #cumulative: Float64Array;

  constructor(count: number) {
    let sum = 0;
    this.#cumulative = Float64Array.from(
      { length: count },
      (_, rank) => (sum += 1 / (rank + 1 + ZIPF_OFFSET) ** ZIPF_EXPONENT),
    );
  }

  /** A rank from 0; low ones are more likely. */
  draw(random: Random): number {
    const ranks = this.#cumulative;
    const target = random.fraction() * (ranks.at(-1) ?? 0);
    let [low, high] = [0, ranks.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranks[middle] ?? 0) > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
