import { loadFingerprint, loadSymbolOf } from './load-ticks.ts';

/** Checksum of a set of ticks in any order: how many, and the sum of their fingerprints. */
export interface TickChecksum {
  readonly count: number;
  readonly fingerprint: number;
}

/** Ticks of each symbol, by its number: how many, and the sum of their fingerprints. */
export interface SentTicks {
  readonly counts: Float64Array;
  readonly fingerprints: Int32Array;
}

/** Ticks sent, by symbol: from them follows the checksum that each subscriber must have. Pure. */
export class SentTally {
  #counts: Float64Array;
  #fingerprints: Int32Array;

  constructor(symbols: number) {
    this.#counts = new Float64Array(symbols);
    this.#fingerprints = new Int32Array(symbols);
  }

  static from({ counts, fingerprints }: SentTicks): SentTally {
    const tally = new SentTally(counts.length);
    tally.#counts = counts;
    tally.#fingerprints = fingerprints;
    return tally;
  }

  ticks(): SentTicks {
    return { counts: this.#counts, fingerprints: this.#fingerprints };
  }

  /** Adds the ticks `first` … `end` − 1. */
  add(first: number, end: number): void {
    const symbols = this.#counts.length;
    for (let tick = first; tick < end; tick++) {
      const symbol = loadSymbolOf(tick, symbols);
      this.#counts[symbol] = (this.#counts[symbol] ?? 0) + 1;
      this.#fingerprints[symbol] = (this.#fingerprints[symbol] ?? 0) + loadFingerprint(tick);
    }
  }

  /** The ticks of some symbols together. */
  of(symbols: Iterable<number>): TickChecksum {
    let count = 0;
    let fingerprint = 0;
    for (const symbol of symbols) {
      count += this.#counts[symbol] ?? 0;
      fingerprint = (fingerprint + (this.#fingerprints[symbol] ?? 0)) | 0;
    }
    return { count, fingerprint };
  }

  all(): TickChecksum {
    return this.of(this.#counts.keys());
  }
}
