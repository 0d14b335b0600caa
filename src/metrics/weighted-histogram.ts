/**
 * A Prometheus histogram in which one call observes many things of the same value, at the cost of one: a frame's
 * ticks share their latency.
 */
export class WeightedHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds upper bounds of the buckets, ascending, in the unit that ends the name */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number, weight: number): void {
    let at = 0;
    while (at < this.#bounds.length && value > (this.#bounds[at] ?? 0)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + weight;
    this.#sum += value * weight;
  }

  /** In Prometheus's text format, without a line end after the last line. */
  toText(): string {
    const name = this.#name;
    let count = 0;
    const buckets = this.#counts.map((each, at) => {
      count += each;
      return `${name}_bucket{le="${this.#bounds[at] ?? '+Inf'}"} ${count}`;
    });
    return [
      `# HELP ${name} ${this.#help}`,
      `# TYPE ${name} histogram`,
      ...buckets,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${count}`,
    ].join('\n');
  }
}
