import * as assert from 'uvu/assert';
import { MarketRow } from '../../../clients/dashboard/market-row.ts';
import { compareRows, isSortColumn, nextOrder, type SortOrder } from '../../../clients/dashboard/sort-order.ts';
import { suite } from '../../support/suite.ts';

const test = suite('order of rows');

const rowWith = (symbol: string, price: number, previousClose?: number): MarketRow => {
  const row = new MarketRow(symbol);
  row.applyBoard({ symbol, price, timeMicros: 1, previousClose, day: undefined });
  return row;
};
const ROWS = [rowWith('B', 20, 10), rowWith('NONE', Number.NaN), rowWith('A', 10, 20), rowWith('C', 20, 40)];

const CASES: ReadonlyArray<readonly [SortOrder, string]> = [
  [{ column: 'symbol', direction: 'ascending' }, 'A B C NONE'],
  [{ column: 'symbol', direction: 'descending' }, 'NONE C B A'],
  [{ column: 'price', direction: 'ascending' }, 'A B C NONE'],
  [{ column: 'price', direction: 'descending' }, 'B C A NONE'],
  [{ column: 'change', direction: 'descending' }, 'B A C NONE'],
  [{ column: 'ratio', direction: 'ascending' }, 'A C B NONE'],
];
for (const [order, expected] of CASES) {
  test(`${order.column}, ${order.direction}`, () => {
    const sorted = [...ROWS].sort(compareRows(order));
    assert.is(sorted.map((row) => row.symbol).join(' '), expected);
  });
}

test('a second click turns the order round; another column begins anew', () => {
  let order: SortOrder = { column: 'symbol', direction: 'ascending' };
  const seen = (['symbol', 'volume', 'volume', 'volume', 'symbol'] as const).map((column) => {
    order = nextOrder(order, column);
    return order.direction;
  });
  assert.equal(seen, ['descending', 'descending', 'ascending', 'descending', 'ascending']);
});

test('a column without an order', () => {
  assert.equal(['range', '', undefined, 'time'].map(isSortColumn), [false, false, false, true]);
});
