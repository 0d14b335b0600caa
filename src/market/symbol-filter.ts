/** Symbol filter of a subscriber. */
export interface SymbolFilter {
  /** Every symbol; then `names` is of no account. */
  readonly isAll: boolean;
  readonly names: ReadonlySet<string>;
}

export const NO_SYMBOLS: SymbolFilter = { isAll: false, names: new Set() };

export function isEmptyFilter(filter: SymbolFilter): boolean {
  return !filter.isAll && filter.names.size === 0;
}

export function passesFilter(filter: SymbolFilter, symbol: string): boolean {
  return filter.isAll || filter.names.has(symbol);
}

/** The same text for the same set. */
export function filterKey(filter: SymbolFilter): string {
  return filter.isAll ? '*' : [...filter.names].sort().join(',');
}
