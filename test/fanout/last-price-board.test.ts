import * as assert from 'uvu/assert';
import { LastPriceBoard } from '../../src/fanout/last-price-board.ts';
import type { LastTick } from '../../src/market/last-tick.ts';
import { SymbolTable } from '../../src/market/symbol-table.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { suite } from '../support/suite.ts';
import { entryOf, rowsOf, tickOf } from './entries.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { barOf, FakePrices } from './fakes/fake-prices.ts';
import { short } from './fakes/fake-socket.ts';
import { EVERYTHING, symbols } from './fakes/fake-subscriber.ts';
import { openFrame } from './open-frame.ts';

const test = suite('LastPriceBoard');

/** A board with its store. */
class Parts {
  readonly clock: FakeClock = new FakeClock();
  readonly store: FakePrices = new FakePrices();
  readonly symbols: SymbolTable = new SymbolTable();
  loads = 0;
  readonly board: LastPriceBoard = new LastPriceBoard(this.store, this.symbols, () => (this.loads += 1), this.clock);

  constructor(...ticks: readonly LastTick[]) {
    this.store.ticks = ticks;
  }

  /** The snapshot of all symbols, in short. */
  prices(): string[] {
    return this.board.snapshot('json', EVERYTHING).flatMap((frame) => openFrame(frame, 'json').map(short));
  }

  update(...ticks: readonly LastTick[]): void {
    const columns = new TickColumns(this.symbols);
    const rows = rowsOf(ticks.map((tick) => ({ ...tick, volume: 1 })));
    columns.appendRows(rows, 0, rows.length);
    this.board.update(columns, 0, columns.length);
  }
}

test('loaded from the store, moved on by live ticks, never back', async () => {
  const parts = new Parts(tickOf('A', 5), tickOf('B', 5));
  assert.not(parts.board.isLoaded);
  parts.update(tickOf('A', 7), tickOf('C', 1));
  parts.board.start();
  await settle();
  assert.ok(parts.board.isLoaded);
  parts.update(tickOf('B', 4));
  assert.equal(parts.prices().sort(), ['last A 7', 'last B 5', 'last C 1']);
  parts.board.learn(entryOf(1, [tickOf('B', 6)]));
  assert.equal(parts.prices().sort(), ['last A 7', 'last B 6', 'last C 1']);
  assert.is(parts.loads, 1);
});

test('snapshots hold the symbols wanted, in frames of 512', async () => {
  const parts = new Parts(...Array.from({ length: 600 }, (_, at) => tickOf(`S${at}`, 1)));
  await parts.board.load();
  assert.equal(
    parts.board.snapshot('json', EVERYTHING).map((frame) => openFrame(frame, 'json').length),
    [512, 88],
  );
  const [frame = Buffer.alloc(0)] = parts.board.snapshot('msgpack', symbols('S7', 'nobody'));
  assert.equal(openFrame(frame, 'msgpack').map(short), ['last S7 1']);
  assert.equal(parts.board.snapshot('json', symbols()), []);
});

test('a store that is away is asked every two seconds; snapshots wait for three at most', async () => {
  const parts = new Parts(tickOf('A', 5));
  parts.store.isAway = true;
  parts.board.start();
  await parts.clock.advance(2_999);
  assert.is(parts.store.asked.length, 2);
  assert.not(parts.board.isLoaded);
  await parts.clock.advance(1);
  assert.ok(parts.board.isLoaded);
  assert.equal(parts.prices(), []);
  parts.store.isAway = false;
  await parts.clock.advance(2_000);
  assert.equal(parts.prices(), ['last A 5']);
  await parts.clock.advance(10_000);
  assert.is(parts.store.asked.length, 3);
  assert.is(parts.loads, 1, 'told once');
});

test('a store that does not answer keeps snapshots waiting for three seconds, not for longer', async () => {
  const parts = new Parts();
  parts.store.isStuck = true;
  parts.board.start();
  await parts.clock.advance(3_000);
  assert.is(parts.loads, 1);
});

test('a price that a flush changed is asked for again, at most once a second', async () => {
  const parts = new Parts(tickOf('A', 1), tickOf('B', 1));
  await parts.board.load();
  const later = Date.UTC(2026, 0, 1);
  parts.board.onFlushed([barOf('A', later), barOf('B', 0)]);
  const [stored] = [{ ...tickOf('A', 2), timeMicros: barOf('A', later).closeMicros }];
  parts.store.ticks = [stored];
  const nowMs = parts.clock.now();
  await parts.board.refresh(nowMs);
  assert.equal(parts.store.asked.slice(1), [['A']], 'B is known to be newer');
  assert.ok(parts.prices().includes('last A 2'));
  await parts.board.refresh(nowMs + 5_000);
  assert.is(parts.store.asked.length, 2, 'nothing is outdated');
  parts.board.onFlushed([barOf('A', later + 60_000)]);
  await parts.board.refresh(nowMs + 999);
  assert.is(parts.store.asked.length, 2);
  await parts.board.refresh(nowMs + 1_000);
  assert.is(parts.store.asked.length, 3);
});

test('a refresh that fails keeps its symbols for the next', async () => {
  const parts = new Parts(tickOf('A', 1));
  await parts.board.load();
  parts.board.onFlushed([barOf('A', Date.UTC(2026, 0, 1))]);
  parts.store.isAway = true;
  await parts.board.refresh(parts.clock.now());
  parts.store.isAway = false;
  await parts.board.refresh(parts.clock.now() + 1_000);
  assert.equal(parts.store.asked.slice(1), [['A'], ['A']]);
});

test('disposed: no retry, no word, no timer', async () => {
  const parts = new Parts();
  parts.store.isAway = true;
  parts.board.start();
  await settle();
  parts.board[Symbol.dispose]();
  await parts.clock.advance(10_000);
  assert.is(parts.store.asked.length, 1);
  assert.is(parts.loads, 0);
  assert.is(parts.clock.timers, 0);
});
