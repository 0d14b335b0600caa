import { build, type Histogram } from 'hdr-histogram-js';

/** Milliseconds at percentiles of all that was recorded. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const MICROS_A_MS = 1_000;

/** Below it values are counted by the microsecond first: the histogram takes ten times as long. */
const COUNTED_MICROS = 1 << 16;

/** Latencies in an HDR histogram: microseconds inside, three significant digits, no bound. */
export class Latency {
  readonly #histogram: Histogram = build({ bitBucketSize: 32, numberOfSignificantValueDigits: 3 });
  readonly #counted = new Float64Array(COUNTED_MICROS);

  record(ms: number, count = 1): void {
    const micros = Math.max(0, Math.round(ms * MICROS_A_MS));
    if (micros < COUNTED_MICROS) this.#counted[micros] = (this.#counted[micros] ?? 0) + count;
    else this.#histogram.recordValueWithCount(micros, count);
  }

  summary(): LatencySummary {
    this.#counted.forEach((count, micros) => {
      if (count > 0) this.#histogram.recordValueWithCount(micros, count);
    });
    this.#counted.fill(0);
    // A bucket answers with its upper end, which may lie above the greatest value.
    const { maxValue } = this.#histogram;
    const at = (percentile: number): number =>
      Math.min(maxValue, this.#histogram.getValueAtPercentile(percentile)) / MICROS_A_MS;
    return {
      count: this.#histogram.totalCount,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: maxValue / MICROS_A_MS,
    };
  }
}
