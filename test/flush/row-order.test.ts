import * as assert from 'uvu/assert';
import { orderRows, rowOfLine } from '../../src/flush/row-order.ts';
import { MIN_TIME_MICROS } from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';
import { columnsOf } from './tick-frames.ts';

const test = suite('row order');
const NOTHING: ReadonlySet<number> = new Set();

test('symbols that a table knows from earlier batches have no rows in this one', () => {
  const columns = columnsOf([{ symbol: 'OLD', price: 1, volume: 1, timeMicros: MIN_TIME_MICROS }]);
  columns.clear();
  columnsOf([{ symbol: 'NEW', price: 1, volume: 1, timeMicros: MIN_TIME_MICROS }], columns);
  const { symbols, rows } = orderRows(columns);
  assert.equal(
    symbols.map((number) => columns.symbolTable.names[number]),
    ['NEW'],
  );
  assert.equal([...rows], [0]);
});

test('a line of COPY is found again', () => {
  const columns = columnsOf(
    ['B', 'A', 'B', 'A'].map((symbol) => ({ symbol, price: 1, volume: 1, timeMicros: MIN_TIME_MICROS })),
  );
  const order = orderRows(columns);
  const lines = (without: ReadonlySet<number>): Array<number | undefined> =>
    [0, 1, 2, 3, 4, 5].map((line) => rowOfLine(order, without, line));
  assert.equal(lines(NOTHING), [undefined, 1, 3, 0, 2, undefined]);
  assert.equal(lines(new Set([3, 0])), [undefined, 1, 2, undefined, undefined, undefined]);
});
