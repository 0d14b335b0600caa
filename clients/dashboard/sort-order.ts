import type { MarketRow } from './market-row.ts';

const SORTABLE = ['symbol', 'price', 'change', 'ratio', 'volume', 'trades', 'time'] as const;
export type SortColumn = (typeof SORTABLE)[number];
export type SortDirection = 'ascending' | 'descending';

export interface SortOrder {
  readonly column: SortColumn;
  readonly direction: SortDirection;
}

export function isSortColumn(name: string | undefined): name is SortColumn {
  return SORTABLE.some((column) => column === name);
}

/** The order after a click on a column's head: figures begin with the largest, names with A. */
export function nextOrder(order: SortOrder, column: SortColumn): SortOrder {
  if (order.column !== column) return { column, direction: column === 'symbol' ? 'ascending' : 'descending' };
  return { column, direction: order.direction === 'ascending' ? 'descending' : 'ascending' };
}

/** Rows without the figure come last in both directions; rows with equal ones stand by their names. */
export function compareRows(order: SortOrder): (a: MarketRow, b: MarketRow) => number {
  const sign = order.direction === 'ascending' ? 1 : -1;
  const byName = (a: MarketRow, b: MarketRow): number => (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0);
  if (order.column === 'symbol') return (a, b) => sign * byName(a, b);
  const figureOf = FIGURES[order.column];
  return (a, b) => {
    const [left, right] = [figureOf(a) ?? Number.NaN, figureOf(b) ?? Number.NaN];
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || byName(a, b);
    return sign * (left - right) || byName(a, b);
  };
}

const FIGURES: Readonly<Record<Exclude<SortColumn, 'symbol'>, (row: MarketRow) => number | undefined>> = {
  price: (row) => row.price,
  change: (row) => row.change,
  ratio: (row) => row.changeRatio,
  volume: (row) => row.volume,
  trades: (row) => row.trades,
  time: (row) => row.timeMicros,
};
