/** A symbol as the store has it; times are microseconds since the Unix epoch. */
export interface StoredSymbol {
  readonly symbol: string;
  readonly price: number;
  readonly timeMicros: number;
  /** Last price before the day; undefined for a new symbol. */
  readonly previousClose: number | undefined;
  /** Undefined where nothing was traded on the day. */
  readonly day:
    | {
        readonly open: number;
        readonly high: number;
        readonly low: number;
        readonly volume: number;
        readonly trades: number;
      }
    | undefined;
}

export interface RowTick {
  readonly price: number;
  /** Undefined where only the price is known. */
  readonly volume: number | undefined;
  readonly timeMicros: number;
  /** The last tick before the subscription: it has been counted. */
  readonly isSnapshot: boolean;
}

interface CountedTick {
  readonly price: number;
  readonly volume: number;
  readonly timeMicros: number;
}

/**
 * Model of one row of the table: the stored symbol when the board was read, and the live ticks since. A live tick is
 * counted when it is later than the stored one; the next board corrects the difference.
 */
export class MarketRow {
  readonly symbol: string;
  price: number = Number.NaN;
  timeMicros = 0;
  high: number = Number.NaN;
  low: number = Number.NaN;
  volume = 0;
  trades = 0;
  /** Direction of the last change of price. */
  move: -1 | 0 | 1 = 0;
  /** Counts changes of price, so that a table sees that there was one. */
  moves = 0;
  #board: StoredSymbol | undefined;
  #since: CountedTick[] = [];

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  /** Reference price of changes: the close before the day, for a new symbol its first price of the day. */
  get reference(): number | undefined {
    return this.#board?.previousClose ?? this.#board?.day?.open ?? this.#since[0]?.price;
  }

  /** In the currency; undefined where there is nothing to compare with. */
  get change(): number | undefined {
    const { reference } = this;
    return reference === undefined || Number.isNaN(this.price) ? undefined : this.price - reference;
  }

  /** As a fraction of the reference. */
  get changeRatio(): number | undefined {
    const { change, reference } = this;
    return change === undefined || reference === undefined || reference === 0 ? undefined : change / reference;
  }

  applyBoard(board: StoredSymbol): void {
    this.#board = board;
    this.#since = this.#since.filter((tick) => tick.timeMicros > board.timeMicros);
    this.#sumUp();
    if (board.timeMicros >= this.timeMicros) this.#moveTo(board.price, board.timeMicros);
  }

  applyTick(tick: RowTick): void {
    if (!tick.isSnapshot && tick.timeMicros > (this.#board?.timeMicros ?? 0)) {
      const counted = { price: tick.price, volume: tick.volume ?? 0, timeMicros: tick.timeMicros };
      this.#since.push(counted);
      this.#count(counted);
    }
    if (tick.timeMicros >= this.timeMicros) this.#moveTo(tick.price, tick.timeMicros);
  }

  #moveTo(price: number, timeMicros: number): void {
    this.timeMicros = timeMicros;
    if (price === this.price) return;
    if (!Number.isNaN(this.price)) {
      this.move = price > this.price ? 1 : -1;
      this.moves += 1;
    }
    this.price = price;
  }

  #sumUp(): void {
    const day = this.#board?.day;
    this.high = day?.high ?? Number.NaN;
    this.low = day?.low ?? Number.NaN;
    this.volume = day?.volume ?? 0;
    this.trades = day?.trades ?? 0;
    for (const tick of this.#since) this.#count(tick);
  }

  #count({ price, volume }: CountedTick): void {
    this.volume += volume;
    this.trades += 1;
    if (!(price <= this.high)) this.high = price;
    if (!(price >= this.low)) this.low = price;
  }
}
