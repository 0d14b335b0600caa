import type { SymbolTable } from './symbol-table.ts';
import type { TickColumns } from './tick-columns.ts';
import type { LastTick } from './last-tick.ts';

const INITIAL_SYMBOLS = 512;

/** A tick on its way out; `symbolBytes` are its symbol for msgpack. */
export interface OutgoingTick extends LastTick {
  readonly symbolBytes: Buffer;
}

/**
 * The last tick of every symbol: the one with the greatest time, of several at that time the one that arrived last.
 */
export class LastPrices {
  readonly #table: SymbolTable;
  #price = new Float64Array(INITIAL_SYMBOLS);
  #volume = new Float64Array(INITIAL_SYMBOLS);
  /** 0 where nothing is known. */
  #timeMicros = new Float64Array(INITIAL_SYMBOLS);
  /** Numbers by name, as far as they have been asked for: the table itself would take in each name that is looked for. */
  readonly #numbers = new Map<string, number>();

  constructor(table: SymbolTable) {
    this.#table = table;
  }

  /** Ticks in the order of their arrival. */
  update(columns: TickColumns, fromRow: number, toRow: number): void {
    this.#reserve();
    for (let row = fromRow; row < toRow; row++) {
      const symbol = columns.symbol[row] ?? 0;
      const timeMicros = columns.timeMicros[row] ?? 0;
      if (timeMicros < (this.#timeMicros[symbol] ?? 0)) continue;
      this.#timeMicros[symbol] = timeMicros;
      this.#price[symbol] = columns.price[row] ?? 0;
      this.#volume[symbol] = columns.volume[row] ?? 0;
    }
  }

  /** Stored ticks: each counts where it is newer than the known one. */
  merge(ticks: readonly LastTick[]): void {
    for (const { symbol, timeMicros, price, volume } of ticks) {
      const bytes = Buffer.from(symbol, 'latin1');
      const number = this.#table.intern(bytes, 0, bytes.length);
      this.#reserve();
      if (timeMicros <= (this.#timeMicros[number] ?? 0)) continue;
      this.#timeMicros[number] = timeMicros;
      this.#price[number] = price;
      this.#volume[number] = volume ?? Number.NaN;
    }
  }

  /** Time of the symbol's last tick; 0 where nothing is known. */
  timeOf(symbol: string): number {
    const number = this.#numberOf(symbol);
    return number === undefined ? 0 : (this.#timeMicros[number] ?? 0);
  }

  /** The last tick of every symbol, in the order in which symbols were first seen. */
  *all(): Generator<OutgoingTick> {
    const count = this.#table.names.length;
    for (let number = 0; number < count; number++) {
      const tick = this.#tickOf(number);
      if (tick !== undefined) yield tick;
    }
  }

  /** The last ticks of these symbols, in their order, for the cost of what they name. */
  *of(symbols: Iterable<string>): Generator<OutgoingTick> {
    for (const symbol of symbols) {
      const number = this.#numberOf(symbol);
      const tick = number === undefined ? undefined : this.#tickOf(number);
      if (tick !== undefined) yield tick;
    }
  }

  #tickOf(number: number): OutgoingTick | undefined {
    const timeMicros = this.#timeMicros[number] ?? 0;
    if (timeMicros === 0) return undefined;
    const volume = this.#volume[number] ?? Number.NaN;
    return {
      symbol: this.#table.names[number] ?? '',
      symbolBytes: this.#table.bytesOf(number),
      price: this.#price[number] ?? 0,
      volume: Number.isNaN(volume) ? undefined : volume,
      timeMicros,
    };
  }

  #numberOf(symbol: string): number | undefined {
    const { names } = this.#table;
    for (let number = this.#numbers.size; number < names.length; number++)
      this.#numbers.set(names[number] ?? '', number);
    return this.#numbers.get(symbol);
  }

  /** Makes room for every symbol of the table. */
  #reserve(): void {
    const needed = this.#table.names.length;
    if (needed <= this.#price.length) return;
    const capacity = needed * 2;
    this.#price = grown(this.#price, capacity);
    this.#volume = grown(this.#volume, capacity);
    this.#timeMicros = grown(this.#timeMicros, capacity);
  }
}

function grown(column: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(column);
  return larger;
}
