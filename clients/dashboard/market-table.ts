import type { MarketRow } from './market-row.ts';
import { compareRows, isSortColumn, nextOrder, type RowOrder } from './row-order.ts';
import { RowView } from './row-view.ts';

/** Order by figures that change is looked at again so often: rows that jump with each tick cannot be read. */
const REORDER_MS = 1_000;

/** The table of symbols. Once a frame it is given the rows that changed, and touches nothing else. */
export class MarketTable {
  readonly #table: HTMLTableElement;
  readonly #body: HTMLTableSectionElement;
  readonly #views = new Map<MarketRow, RowView>();
  readonly #flashing = new Set<RowView>();
  #order: RowOrder = { column: 'symbol', direction: 'ascending' };
  #filter = '';
  #shown: readonly RowView[] = [];
  #isOrderOld = false;
  #orderedMs = 0;

  constructor(table: HTMLTableElement) {
    this.#table = table;
    this.#body = table.tBodies[0] ?? table.createTBody();
    for (const head of this.#heads()) {
      head.querySelector('button')?.addEventListener('click', () => {
        const column = head.dataset['column'];
        if (isSortColumn(column)) this.#sort(nextOrder(this.#order, column));
      });
    }
  }

  /** How many rows are to be seen. */
  get shown(): number {
    return this.#shown.length;
  }

  /** Shows only symbols that hold this text. */
  setFilter(text: string): void {
    this.#filter = text.trim().toUpperCase();
    this.#isOrderOld = true;
    this.#orderedMs = 0;
  }

  update(changed: Iterable<MarketRow>, dayBeginMicros: number, nowMs: number): void {
    for (const row of changed) {
      let view = this.#views.get(row);
      if (view === undefined) {
        view = new RowView(row);
        this.#views.set(row, view);
        this.#orderedMs = 0;
      }
      if (view.update(dayBeginMicros, nowMs)) this.#flashing.add(view);
      this.#isOrderOld ||= this.#order.column !== 'symbol' || this.#orderedMs === 0;
    }
    for (const view of this.#flashing) if (view.settle(nowMs)) this.#flashing.delete(view);
    if (this.#isOrderOld && nowMs - this.#orderedMs >= REORDER_MS) this.#reorder(nowMs);
  }

  #sort(order: RowOrder): void {
    this.#order = order;
    this.#isOrderOld = true;
    this.#orderedMs = 0;
    for (const head of this.#heads()) {
      if (head.dataset['column'] === order.column) head.setAttribute('aria-sort', order.direction);
      else head.removeAttribute('aria-sort');
    }
  }

  #reorder(nowMs: number): void {
    this.#isOrderOld = false;
    this.#orderedMs = nowMs;
    const compare = compareRows(this.#order);
    const shown = [...this.#views.values()]
      .filter(({ row }) => row.symbol.toUpperCase().includes(this.#filter))
      .sort((a, b) => compare(a.row, b.row));
    const isSame = shown.length === this.#shown.length && shown.every((view, at) => view === this.#shown[at]);
    if (isSame) return;
    this.#shown = shown;
    this.#body.replaceChildren(...shown.map((view) => view.element));
  }

  #heads(): NodeListOf<HTMLTableCellElement> {
    return this.#table.querySelectorAll<HTMLTableCellElement>('thead th');
  }
}
