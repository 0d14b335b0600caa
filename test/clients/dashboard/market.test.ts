import * as assert from 'uvu/assert';
import type { StoredSymbol } from '../../../clients/dashboard/market-row.ts';
import { type Board, Market } from '../../../clients/dashboard/market.ts';
import { suite } from '../../support/suite.ts';

const test = suite('market of the page');
const BEGIN = 1_000_000_000;
const END = 2_000_000_000;

const row = (symbol: string, price: number, at: number, rest: Partial<StoredSymbol> = {}): StoredSymbol => ({
  symbol,
  price,
  timeMicros: BEGIN + at,
  previousClose: undefined,
  day: undefined,
  ...rest,
});
const board = (...rows: StoredSymbol[]): Board => ({ date: '2025-12-01', beginMicros: BEGIN, endMicros: END, rows });
const tick = (symbol: string, price: number, volume: number, at: number, isSnapshot = false) => ({
  symbol,
  price,
  volume,
  timeMicros: BEGIN + at,
  isSnapshot,
});
const shown = (market: Market): unknown =>
  Object.fromEntries(
    [...market.rows].map((each) => [
      each.symbol,
      [each.price, each.change, each.volume, each.trades, each.low, each.high],
    ]),
  );

test('the board, and live ticks on top of it', () => {
  const market = new Market();
  const day = { open: 9, high: 12, low: 8, volume: 500, trades: 5 };
  market.applyBoard(board(row('A', 10, 100, { previousClose: 8, day }), row('B', 5, 50, { previousClose: 4 })));
  assert.equal(shown(market), { A: [10, 2, 500, 5, 8, 12], B: [5, 1, 0, 0, Number.NaN, Number.NaN] });
  market.applyTick(tick('A', 13, 7, 200));
  market.applyTick(tick('B', 3, 2, 200));
  assert.equal(shown(market), { A: [13, 5, 507, 6, 8, 13], B: [3, -1, 2, 1, 3, 3] });
});

test('ticks that the board holds already are not counted again, whichever comes first', () => {
  const day = { open: 10, high: 11, low: 10, volume: 30, trades: 3 };
  const stored = board(row('A', 11, 300, { day }));
  const ticks = [tick('A', 10, 10, 100), tick('A', 11, 10, 200), tick('A', 11, 10, 300), tick('A', 12, 5, 400)];
  const expected = { A: [12, 2, 35, 4, 10, 12] };

  const late = new Market();
  for (const each of ticks) late.applyTick(each);
  late.applyBoard(stored);
  assert.equal(shown(late), expected);

  const early = new Market();
  early.applyBoard(stored);
  for (const each of ticks) early.applyTick(each);
  assert.equal(shown(early), expected);
});

test('each board replaces what was counted up to it', () => {
  const market = new Market();
  const day = (volume: number, trades: number) => ({ open: 10, high: 10, low: 10, volume, trades });
  market.applyBoard(board(row('A', 10, 100, { day: day(1, 1) })));
  market.applyTick(tick('A', 10, 2, 200));
  market.applyTick(tick('A', 10, 4, 300));
  market.applyBoard(board(row('A', 10, 200, { day: day(3, 2) })));
  assert.equal(shown(market), { A: [10, 0, 7, 3, 10, 10] });
  market.applyBoard(board(row('A', 10, 300, { day: day(7, 3) })));
  assert.equal(shown(market), { A: [10, 0, 7, 3, 10, 10] });
});

test('a snapshot brings a price and counts nothing', () => {
  const market = new Market();
  market.applyTick(tick('A', 10, 100, 100, true));
  assert.equal(shown(market), { A: [10, undefined, 0, 0, Number.NaN, Number.NaN] });
});

test('the last price is that of the latest time; of equal times, the one that came last', () => {
  const market = new Market();
  for (const [price, at] of [
    [10, 200],
    [11, 100],
    [12, 200],
    [13, 199],
  ] as const) {
    market.applyTick(tick('A', price, 1, at));
  }
  assert.equal(shown(market), { A: [12, 2, 4, 4, 10, 13] });
});

test('moves have a direction, and a first price is none', () => {
  const market = new Market();
  const moves: unknown[] = [];
  for (const [at, price] of [10, 10, 11, 9].entries()) {
    market.applyTick(tick('A', price, 1, at));
    for (const each of market.takeChanged()) moves.push([each.moves, each.move]);
  }
  assert.equal(moves, [
    [0, 0],
    [0, 0],
    [1, 1],
    [2, -1],
  ]);
});

test('what has changed is told once', () => {
  const market = new Market();
  market.applyBoard(board(row('A', 1, 1), row('B', 2, 2)));
  assert.is(market.takeChanged().size, 2);
  assert.is(market.takeChanged().size, 0);
  market.applyTick(tick('B', 3, 1, 9));
  market.applyTick(tick('B', 4, 1, 10));
  assert.equal(
    [...market.takeChanged()].map((each) => each.symbol),
    ['B'],
  );
});

test('a tick of a later day, or the first ever, asks for another board', () => {
  const market = new Market();
  market.applyTick(tick('A', 1, 1, 1));
  assert.is(market.isOutdated, false);
  market.applyBoard({ date: undefined, beginMicros: 0, endMicros: 0, rows: [] });
  market.applyTick(tick('A', 1, 1, 2));
  assert.is(market.isOutdated, true);
  market.applyBoard(board(row('A', 1, 2)));
  market.applyTick(tick('A', 1, 1, END - BEGIN - 1));
  assert.is(market.isOutdated, false);
  market.applyTick(tick('A', 1, 1, END - BEGIN));
  assert.is(market.isOutdated, true);
});

test('breadth', () => {
  const market = new Market();
  market.applyBoard(
    board(
      row('UP', 2, 1, { previousClose: 1 }),
      row('DOWN', 1, 1, { previousClose: 2 }),
      row('SAME', 1, 1, { previousClose: 1 }),
      row('NEW', 1, 1),
    ),
  );
  assert.equal(market.breadth(), { up: 1, down: 1, same: 1 });
});
