import * as assert from 'uvu/assert';
import { Subscriptions } from '../../src/fanout/subscriptions.ts';
import { passesFilter } from '../../src/market/symbol-filter.ts';
import { type ChannelLists, RequestRefusal } from '../../src/protocol/live-request.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a dashboard is subscribed to');

const lists = (some: Partial<ChannelLists>): ChannelLists => ({
  trades: [],
  bars: [],
  updatedBars: [],
  flushes: [],
  ...some,
});

function refusalOf(act: () => void): number | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof RequestRefusal) return error.code;
    throw error;
  }
  return undefined;
}

test('adds and removes; * stands beside names', () => {
  const own = new Subscriptions(10, '*');
  own.add(lists({ trades: ['A', 'B'], bars: ['*'] }));
  own.add(lists({ trades: ['*', 'B'] }));
  assert.equal(own.state()['trades'], ['A', 'B', '*']);
  assert.is(own.filter('trades').isAll, true);
  own.remove(lists({ trades: ['*', 'never there'] }));
  assert.equal([...own.filter('trades').names], ['A', 'B']);
  assert.is(own.filter('trades').isAll, false);
  assert.is(own.filter('bars').isAll, true);
  assert.is(own.filter('updatedBars').names.size, 0);
});

test('the limit counts distinct names over all channels, not *; a refusal changes nothing', () => {
  const own = new Subscriptions(3, '*');
  own.add(lists({ trades: ['A', 'B', '*'], bars: ['A', 'C'] }));
  assert.is(
    refusalOf(() => own.add(lists({ updatedBars: ['D'] }))),
    405,
  );
  assert.equal(own.state()['updatedBars'], []);
  own.add(lists({ updatedBars: ['C', '*'], flushes: ['x', 'y', 'z'] }));
  own.remove(lists({ trades: ['B'] }));
  own.add(lists({ updatedBars: ['D'] }));
});

test('rights: names outside are 409 on every channel, * is what is allowed', () => {
  const own = new Subscriptions(10, new Set(['A', 'B']));
  for (const wrong of [{ trades: ['A', 'X'] }, { bars: ['X'] }, { updatedBars: ['X'] }, { flushes: ['f'] }]) {
    assert.is(
      refusalOf(() => own.add(lists(wrong))),
      409,
    );
  }
  assert.equal(own.state()['trades'], []);
  own.add(lists({ trades: ['*'] }));
  const filter = own.filter('trades');
  assert.equal(
    ['A', 'B', 'X'].map((symbol) => passesFilter(filter, symbol)),
    [true, true, false],
  );
  assert.equal(own.state()['trades'], ['*']);
});

test('flushes by feed, or all', () => {
  const own = new Subscriptions(10, '*');
  assert.is(own.wantsFlushes, false);
  own.add(lists({ flushes: ['egx'] }));
  assert.equal([own.wantsFlush('egx'), own.wantsFlush('other')], [true, false]);
  own.add(lists({ flushes: ['*'] }));
  assert.is(own.wantsFlush('other'), true);
});
