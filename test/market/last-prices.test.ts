import * as assert from 'uvu/assert';
import { LastPrices } from '../../src/market/last-prices.ts';
import { SymbolTable } from '../../src/market/symbol-table.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import type { Tick } from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';
import { rowsOf } from '../fanout/entries.ts';

const test = suite('last prices');

function prices(): { readonly own: LastPrices; readonly see: (...ticks: readonly Tick[]) => void } {
  const table = new SymbolTable();
  const own = new LastPrices(table);
  return {
    own,
    see(...ticks) {
      const columns = new TickColumns(table);
      const rows = rowsOf(ticks);
      columns.appendRows(rows, 0, rows.length);
      own.update(columns, 0, columns.length);
    },
  };
}

/** Times count from a day of today's kind. */
const DAY_MICROS = 1_764_583_200_000_000;
const tick = (symbol: string, price: number, atMicros: number): Tick => ({
  symbol,
  price,
  volume: 7,
  timeMicros: DAY_MICROS + atMicros,
});
const liveSeq = (own: LastPrices, symbol: string): [number, number | undefined] | undefined => {
  const [last] = own.of([symbol]);
  return last === undefined ? undefined : [last.price, last.volume];
};

test('the greatest time wins, of several the last to come', () => {
  const { own, see } = prices();
  see(tick('A', 1, 100), tick('A', 2, 100), tick('A', 3, 99));
  assert.equal(liveSeq(own, 'A'), [2, 7]);
  see(tick('A', 4, 100));
  assert.equal(liveSeq(own, 'A'), [4, 7]);
  assert.is(liveSeq(own, 'B'), undefined);
});

test('what is stored counts where it is newer; at the same time what came live stays', () => {
  const { own, see } = prices();
  see(tick('A', 1, 100));
  own.merge([
    { symbol: 'A', price: 9, volume: 1, timeMicros: DAY_MICROS + 100 },
    { symbol: 'B', price: 8, volume: undefined, timeMicros: DAY_MICROS + 5 },
  ]);
  assert.equal(liveSeq(own, 'A'), [1, 7]);
  assert.equal(liveSeq(own, 'B'), [8, undefined]);
  own.merge([{ symbol: 'A', price: 9, volume: 1, timeMicros: DAY_MICROS + 101 }]);
  assert.equal(liveSeq(own, 'A'), [9, 1]);
  assert.is(own.timeOf('A'), DAY_MICROS + 101);
  assert.is(own.timeOf('never'), 0);
});

test('thousands of symbols', () => {
  const { own, see } = prices();
  for (let at = 0; at < 3_000; at++) see(tick(`S${at}`, at + 1, at + 1));
  own.merge(
    Array.from({ length: 3_000 }, (_, at) => ({ symbol: `T${at}`, price: at + 1, volume: 1, timeMicros: DAY_MICROS })),
  );
  assert.is([...own.all()].length, 6_000);
  assert.equal(liveSeq(own, 'S2999'), [3_000, 7]);
  assert.equal(liveSeq(own, 'T2999'), [3_000, 1]);
});
