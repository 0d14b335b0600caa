import type { MarketRow } from './market-row.ts';
import { compareRows, isSortColumn, nextOrder, type SortOrder } from './sort-order.ts';
import { RowView } from './row-view.ts';

/** Least time between two sorts: rows that jump with each tick cannot be read. */
const REORDER_MS = 1_000;

/** Rows so near to the screen are kept up to date. */
const NEAR = '160px';

/**
 * The table of symbols. Once a frame it is given the rows that changed, and touches only those of them that can be
 * seen; the others wait until they are scrolled to.
 */
export class MarketTable {
  readonly #table: HTMLTableElement;
  readonly #body: HTMLTableSectionElement;
  readonly #views = new Map<MarketRow, RowView>();
  readonly #byElement = new Map<Element, RowView>();
  readonly #flashing = new Set<RowView>();
  /** Views that are behind their rows, since they are off the screen. */
  readonly #waiting = new Set<RowView>();
  readonly #screen: IntersectionObserver;
  #order: SortOrder = { column: 'symbol', direction: 'ascending' };
  #filter = '';
  #visible: readonly RowView[] = [];
  #isOrderOld = false;
  #orderedMs = Number.NEGATIVE_INFINITY;

  constructor(table: HTMLTableElement) {
    this.#table = table;
    this.#body = table.tBodies[0] ?? table.createTBody();
    this.#screen = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const view = this.#byElement.get(target);
          if (view !== undefined) view.isVisible = isIntersecting;
        }
      },
      { root: table.parentElement, rootMargin: `${NEAR} 0px` },
    );
    for (const head of this.#heads()) {
      head.querySelector('button')?.addEventListener('click', () => {
        const column = head.dataset['column'];
        if (isSortColumn(column)) this.#sort(nextOrder(this.#order, column));
      });
    }
  }

  /** Rows that pass the filter. */
  get visibleRows(): number {
    return this.#visible.length;
  }

  /** Shows only symbols that hold this text. */
  setFilter(text: string): void {
    this.#filter = text.trim().toUpperCase();
    this.#isOrderOld = true;
    this.#orderedMs = Number.NEGATIVE_INFINITY;
  }

  update(changed: Iterable<MarketRow>, dayBeginMicros: number, nowMs: number): void {
    // Those that waited come into view without a flash: their moves are of a while ago.
    for (const view of this.#waiting) {
      if (!view.isVisible) continue;
      this.#waiting.delete(view);
      view.update(dayBeginMicros, nowMs, false);
    }
    for (const row of changed) {
      const view = this.#views.get(row) ?? this.#add(row);
      if (!view.isVisible) this.#waiting.add(view);
      else if (view.update(dayBeginMicros, nowMs, true)) this.#flashing.add(view);
      this.#isOrderOld ||= this.#order.column !== 'symbol';
    }
    for (const view of this.#flashing) if (view.settle(nowMs)) this.#flashing.delete(view);
    if (this.#isOrderOld && nowMs - this.#orderedMs >= REORDER_MS) this.#reorder(nowMs);
  }

  #add(row: MarketRow): RowView {
    const view = new RowView(row);
    this.#views.set(row, view);
    this.#byElement.set(view.element, view);
    this.#screen.observe(view.element);
    this.#isOrderOld = true;
    this.#orderedMs = Number.NEGATIVE_INFINITY;
    return view;
  }

  #sort(order: SortOrder): void {
    this.#order = order;
    this.#isOrderOld = true;
    this.#orderedMs = Number.NEGATIVE_INFINITY;
    for (const head of this.#heads()) {
      if (head.dataset['column'] === order.column) head.setAttribute('aria-sort', order.direction);
      else head.removeAttribute('aria-sort');
    }
  }

  #reorder(nowMs: number): void {
    this.#isOrderOld = false;
    this.#orderedMs = nowMs;
    const compare = compareRows(this.#order);
    const visible = [...this.#views.values()]
      .filter(({ row }) => row.symbol.toUpperCase().includes(this.#filter))
      .sort((a, b) => compare(a.row, b.row));
    const isSame = visible.length === this.#visible.length && visible.every((view, at) => view === this.#visible[at]);
    if (isSame) return;
    this.#visible = visible;
    this.#body.replaceChildren(...visible.map((view) => view.element));
  }

  #heads(): NodeListOf<HTMLTableCellElement> {
    return this.#table.querySelectorAll<HTMLTableCellElement>('thead th');
  }
}
