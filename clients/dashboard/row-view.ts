import type { MarketRow } from './market-row.ts';
import { formatPrice, formatSigned, formatTime, formatWhole, priceDigits } from './number-format.ts';

const FLASH_MS = 250;

/** View of one row: writes only the cells whose text has changed. */
export class RowView {
  readonly row: MarketRow;
  readonly element: HTMLTableRowElement = document.createElement('tr');
  readonly #price: Text;
  readonly #change: Text;
  readonly #ratio: Text;
  readonly #low: Text;
  readonly #high: Text;
  readonly #marker: HTMLElement = document.createElement('i');
  readonly #volume: Text;
  readonly #trades: Text;
  readonly #time: Text;
  /** Whether it is on the screen, or nearly. */
  isVisible = false;
  #digits = 0;
  #moves: number;
  #flashUntilMs = 0;

  constructor(row: MarketRow) {
    this.row = row;
    this.#moves = row.moves;
    this.element.role = 'row';
    const symbol = document.createElement('th');
    symbol.role = 'rowheader';
    symbol.scope = 'row';
    symbol.dir = 'auto';
    symbol.textContent = row.symbol;
    this.element.append(symbol);
    this.#price = this.#cell('price');
    this.#change = this.#cell('change trend');
    this.#ratio = this.#cell('ratio trend');
    const range = document.createElement('td');
    range.role = 'cell';
    range.className = 'range';
    [this.#low, this.#high] = [new Text(''), new Text('')];
    const [low, high] = [document.createElement('span'), document.createElement('span')];
    low.append(this.#low);
    high.append(this.#high);
    range.append(low, this.#marker, high);
    this.element.append(range);
    this.#volume = this.#cell('volume');
    this.#trades = this.#cell('trades');
    this.#time = this.#cell('time');
  }

  /**
   * Shows the row as it is now.
   * @param mayFlash false where the reader would see moves of a while ago
   * @returns whether the row flashes, and {@link settle} is to be called later
   */
  update(dayBeginMicros: number, nowMs: number, mayFlash: boolean): boolean {
    const { row } = this;
    this.#digits = Math.max(this.#digits, priceDigits(row.price));
    const { change, changeRatio } = row;
    write(this.#price, formatPrice(row.price, this.#digits));
    write(this.#change, formatSigned(change, this.#digits));
    write(this.#ratio, formatSigned(changeRatio === undefined ? undefined : changeRatio * 100, 2, '%'));
    const trend = change === undefined || change === 0 ? 'none' : change > 0 ? 'up' : 'down';
    if (this.element.dataset['trend'] !== trend) this.element.dataset['trend'] = trend;
    this.#updateRange();
    write(this.#volume, formatWhole(row.volume));
    write(this.#trades, formatWhole(row.trades));
    write(this.#time, formatTime(row.timeMicros, dayBeginMicros));
    if (row.moves === this.#moves) return false;
    this.#moves = row.moves;
    if (!mayFlash) return false;
    this.element.dataset['flash'] = row.move > 0 ? 'up' : 'down';
    this.#flashUntilMs = nowMs + FLASH_MS;
    return true;
  }

  /** Ends the flash if its time is over. @returns whether it is */
  settle(nowMs: number): boolean {
    if (nowMs < this.#flashUntilMs) return false;
    delete this.element.dataset['flash'];
    return true;
  }

  #updateRange(): void {
    const { high, low, price } = this.row;
    const isKnown = !Number.isNaN(high) && !Number.isNaN(low);
    write(this.#low, isKnown ? formatPrice(low, this.#digits) : '');
    write(this.#high, isKnown ? formatPrice(high, this.#digits) : '');
    if (this.#marker.hidden === isKnown) this.#marker.hidden = !isKnown;
    if (!isKnown) return;
    const at = high > low ? Math.min(1, Math.max(0, (price - low) / (high - low))) : 0.5;
    const text = at.toFixed(3);
    if (this.#marker.style.getPropertyValue('--at') !== text) this.#marker.style.setProperty('--at', text);
  }

  #cell(className: string): Text {
    const cell = document.createElement('td');
    cell.role = 'cell';
    cell.className = className;
    const text = new Text('');
    cell.append(text);
    this.element.append(cell);
    return text;
  }
}

function write(node: Text, text: string): void {
  if (node.data !== text) node.data = text;
}
