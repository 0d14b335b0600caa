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

/** Latencies in an HDR histogram: microseconds inside, three significant digits, no bound. */
export class Latency {
  readonly #histogram: Histogram = build({ bitBucketSize: 32, numberOfSignificantValueDigits: 3 });

  record(ms: number, count = 1): void {
    this.#histogram.recordValueWithCount(Math.max(0, Math.round(ms * MICROS_A_MS)), count);
  }

  summary(): LatencySummary {
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
