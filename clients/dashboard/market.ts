import { type StoredSymbol, MarketRow, type RowTick } from './market-row.ts';

/** Every symbol of a day, as the store has it. */
export interface Board {
  /** `2025-12-01`; undefined while nothing is stored, and the bounds are then 0. */
  readonly date: string | undefined;
  readonly beginMicros: number;
  readonly endMicros: number;
  readonly rows: readonly StoredSymbol[];
}

export interface MarketTick extends RowTick {
  readonly symbol: string;
}

/** How the symbols stand together. */
export interface MarketBreadth {
  readonly up: number;
  readonly down: number;
  readonly same: number;
}

/** All rows of the table, and those changed since the last call of `takeChanged`. Pure. */
export class Market {
  readonly #rows = new Map<string, MarketRow>();
  #changed = new Set<MarketRow>();
  #board: Board | undefined;
  #isOutdated = false;

  get rows(): Iterable<MarketRow> {
    return this.#rows.values();
  }

  get size(): number {
    return this.#rows.size;
  }

  get board(): Board | undefined {
    return this.#board;
  }

  /** A tick was of a later day than the board: it should be read again. */
  get isOutdated(): boolean {
    return this.#isOutdated;
  }

  applyBoard(board: Board): void {
    this.#board = board;
    this.#isOutdated = false;
    for (const each of board.rows) {
      const row = this.#rowOf(each.symbol);
      row.applyBoard(each);
      this.#changed.add(row);
    }
  }

  applyTick(tick: MarketTick): void {
    const row = this.#rowOf(tick.symbol);
    row.applyTick(tick);
    this.#changed.add(row);
    if (this.#board !== undefined && tick.timeMicros >= this.#board.endMicros) this.#isOutdated = true;
  }

  /** The rows that have changed since the last call. */
  takeChanged(): ReadonlySet<MarketRow> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  breadth(): MarketBreadth {
    const counts = { up: 0, down: 0, same: 0 };
    for (const { change } of this.#rows.values()) {
      if (change === undefined) continue;
      counts[change > 0 ? 'up' : change < 0 ? 'down' : 'same'] += 1;
    }
    return counts;
  }

  #rowOf(symbol: string): MarketRow {
    const known = this.#rows.get(symbol);
    if (known !== undefined) return known;
    const row = new MarketRow(symbol);
    this.#rows.set(symbol, row);
    return row;
  }
}
