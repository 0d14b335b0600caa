import { MINUTE_MICROS, type MinuteBar, turnoverMillionths } from '../market/minute-bar.ts';
import type { TickColumns } from '../market/tick-columns.ts';
import { countRows, symbolsInOrder } from './row-order.ts';

/** A minute of one batch: its sums are also told exactly where a number beyond 2^53 rounds them. */
export interface BatchBar extends MinuteBar {
  readonly exactVolume?: bigint;
  readonly exactTurnoverMillionths?: bigint;
}

/** Offsets of a bar's numbers among its cells. */
const MINUTE = 0;
const OPEN = 1;
const HIGH = 2;
const LOW = 3;
const CLOSE = 4;
const VOLUME = 5;
const TRADES = 6;
const TURNOVER = 7;
const OPEN_TIME = 8;
const CLOSE_TIME = 9;
const CELLS = 10;
const INITIAL_BARS = 1_024;

/**
 * The minute bars of a batch, sorted by (symbol, minute). Within a minute the open is the earliest tick and the close
 * the latest; of several at one time the first, and the last, that arrived.
 * @param without rows to leave out
 */
export function buildBars(columns: TickColumns, without: ReadonlySet<number>): BatchBar[] {
  const { symbol, price, volume, timeMicros, symbolTable, length } = columns;
  const bars = new BarCells(symbolTable.names.length);
  const checkWithout = without.size > 0;
  for (let row = 0; row < length; row++) {
    if (checkWithout && without.has(row)) continue;
    bars.add(symbol[row] ?? 0, timeMicros[row] ?? 0, price[row] ?? 0, volume[row] ?? 0);
  }
  return symbolsInOrder(symbolTable, countRows(columns)).flatMap((number) =>
    bars.ofSymbol(number, symbolTable.names[number] ?? ''),
  );
}

/** Bars being built. The numbers of one lie side by side: of thousands of symbols a tick's bar is seldom in a cache. */
class BarCells {
  #cells = new Float64Array(INITIAL_BARS * CELLS);
  #length = 0;
  /** By symbol number: where the cells of the bar begin that its latest tick was of; −1 before the first. */
  readonly #current: Int32Array;
  /** Of symbols with several minutes: where the cells of each minute's bar begin. */
  readonly #minutes = new Map<number, Map<number, number>>();
  /** By cell: what its sum was each time it would have passed 2^53, added up. */
  readonly #carries = new Map<number, bigint>();

  constructor(symbols: number) {
    this.#current = new Int32Array(symbols).fill(-1);
  }

  add(symbol: number, time: number, price: number, volume: number): void {
    let at = this.#current[symbol] ?? -1;
    const minute = at < 0 ? Number.NaN : (this.#cells[at + MINUTE] ?? 0);
    if (!(time >= minute && time < minute + MINUTE_MICROS)) at = this.#turnToMinute(symbol, time, price);
    const cells = this.#cells;
    if (time < (cells[at + OPEN_TIME] ?? 0)) {
      cells[at + OPEN] = price;
      cells[at + OPEN_TIME] = time;
    }
    if (time >= (cells[at + CLOSE_TIME] ?? 0)) {
      cells[at + CLOSE] = price;
      cells[at + CLOSE_TIME] = time;
    }
    if (price > (cells[at + HIGH] ?? 0)) cells[at + HIGH] = price;
    if (price < (cells[at + LOW] ?? 0)) cells[at + LOW] = price;
    cells[at + VOLUME] = this.#sum(at + VOLUME, volume);
    cells[at + TRADES] = (cells[at + TRADES] ?? 0) + 1;
    cells[at + TURNOVER] = this.#sum(at + TURNOVER, turnoverMillionths(price, volume));
  }

  /** By minute. */
  ofSymbol(symbol: number, name: string): BatchBar[] {
    const minutes = this.#minutes.get(symbol);
    if (minutes !== undefined)
      return [...minutes].sort(([a], [b]) => a - b).map(([, begin]) => this.#barAt(begin, name));
    const only = this.#current[symbol] ?? -1;
    return only < 0 ? [] : [this.#barAt(only, name)];
  }

  /** The cell's next value: an exact sum, or `value` alone where the sum before it had to be carried. */
  #sum(cell: number, value: number): number {
    const before = this.#cells[cell] ?? 0;
    const sum = before + value;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
    this.#carries.set(cell, (this.#carries.get(cell) ?? 0n) + BigInt(before));
    return value;
  }

  #turnToMinute(symbol: number, time: number, price: number): number {
    const minute = time - (time % MINUTE_MICROS);
    const before = this.#current[symbol] ?? -1;
    let minutes = this.#minutes.get(symbol);
    if (before >= 0 && minutes === undefined) {
      minutes = new Map([[this.#cells[before + MINUTE] ?? 0, before]]);
      this.#minutes.set(symbol, minutes);
    }
    let begin = minutes?.get(minute);
    if (begin === undefined) {
      begin = this.#start(minute, time, price);
      minutes?.set(minute, begin);
    }
    this.#current[symbol] = begin;
    return begin;
  }

  #start(minute: number, time: number, price: number): number {
    const begin = this.#length;
    this.#length += CELLS;
    if (this.#length > this.#cells.length) {
      const larger = new Float64Array(this.#cells.length * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    const cells = this.#cells;
    cells[begin + MINUTE] = minute;
    for (let state = OPEN; state <= CLOSE; state++) cells[begin + state] = price;
    cells[begin + OPEN_TIME] = time;
    cells[begin + CLOSE_TIME] = time;
    return begin;
  }

  #barAt(begin: number, symbol: string): BatchBar {
    const bar = this.#roundedBarAt(begin, symbol);
    if (this.#carries.size === 0) return bar;
    const exactVolume = this.#carried(begin + VOLUME);
    const exactTurnoverMillionths = this.#carried(begin + TURNOVER);
    if (exactVolume !== undefined) Object.assign(bar, { volume: Number(exactVolume), exactVolume });
    if (exactTurnoverMillionths !== undefined)
      Object.assign(bar, { turnoverMillionths: Number(exactTurnoverMillionths), exactTurnoverMillionths });
    return bar;
  }

  /** The exact sum of a cell that was carried. */
  #carried(cell: number): bigint | undefined {
    const carry = this.#carries.get(cell);
    return carry === undefined ? undefined : carry + BigInt(this.#cells[cell] ?? 0);
  }

  #roundedBarAt(begin: number, symbol: string): MinuteBar {
    const cell = (state: number): number => this.#cells[begin + state] ?? 0;
    return {
      symbol,
      minuteMicros: cell(MINUTE),
      open: cell(OPEN),
      high: cell(HIGH),
      low: cell(LOW),
      close: cell(CLOSE),
      volume: cell(VOLUME),
      trades: cell(TRADES),
      turnoverMillionths: cell(TURNOVER),
      openMicros: cell(OPEN_TIME),
      closeMicros: cell(CLOSE_TIME),
    };
  }
}
