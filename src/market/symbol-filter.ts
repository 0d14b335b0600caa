/** Symbol filter of a subscriber. */
export interface SymbolFilter {
  /** Every symbol; then `names` is of no account. */
  readonly isAll: boolean;
  readonly names: ReadonlySet<string>;
  /** Equal exactly for filters that let the same symbols pass. */
  readonly key: string;
}

export const NO_SYMBOLS: SymbolFilter = { isAll: false, names: new Set(), key: '' };

/** Key of a filter that lets every symbol pass. */
export const ALL_SYMBOLS_KEY = '*';

export function isEmptyFilter(filter: SymbolFilter): boolean {
  return !filter.isAll && filter.names.size === 0;
}

export function passesFilter(filter: SymbolFilter, symbol: string): boolean {
  return filter.isAll || filter.names.has(symbol);
}
