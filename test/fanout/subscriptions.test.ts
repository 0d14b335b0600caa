import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Subscriptions } from '../../src/fanout/subscriptions.ts';
import { passesFilter } from '../../src/market/symbol-filter.ts';
import { type ChannelLists, RequestRefusal } from '../../src/protocol/live-request.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a dashboard is subscribed to');

const LIMITS = { maxSymbols: 10, maxFeeds: 3 };

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
  const own = new Subscriptions(LIMITS, '*');
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
  const own = new Subscriptions({ maxSymbols: 3, maxFeeds: 3 }, '*');
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

test('the limit of feeds counts what is named under flushes, not *; a refusal changes nothing', () => {
  const own = new Subscriptions(LIMITS, '*');
  own.add(lists({ flushes: ['f', '*', 'g'] }));
  assert.is(
    refusalOf(() => own.add(lists({ trades: ['A'], flushes: ['h', 'i'] }))),
    405,
  );
  assert.equal([own.state()['flushes'], own.state()['trades']], [['f', '*', 'g'], []]);
  own.add(lists({ flushes: ['h', 'g'] }));
  own.remove(lists({ flushes: ['f', 'never there'] }));
  own.add(lists({ flushes: ['i'] }));
  assert.is(
    refusalOf(() => own.add(lists({ flushes: ['j'] }))),
    405,
  );
});

test('any requests: the count of names is that of the distinct ones, and what changed under trades is told', () => {
  const CHANNELS = ['trades', 'bars', 'updatedBars'] as const;
  const name = fc.constantFrom('A', 'B', 'C', 'D', 'E', '*');
  const request = fc.tuple(
    fc.constantFrom('add', 'remove'),
    fc.constantFrom(...CHANNELS),
    fc.uniqueArray(name),
    fc.constantFrom(...CHANNELS),
    fc.uniqueArray(name),
  );
  fc.assert(
    fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
      const own = new Subscriptions({ maxSymbols: 3, maxFeeds: 3 }, '*');
      for (const [what, first, names, second, others] of requests) {
        const before = own.state();
        const asked = lists({ [first]: names, [second]: others });
        const added = (channel: string): readonly string[] =>
          asked[channel === 'bars' ? 'bars' : channel === 'trades' ? 'trades' : 'updatedBars'];
        const next = new Set(CHANNELS.flatMap((channel) => [...(before[channel] ?? []), ...added(channel)]));
        next.delete('*');
        if (what === 'add' && next.size > 3) {
          assert.is(
            refusalOf(() => own.add(asked)),
            405,
          );
          assert.equal(own.state(), before);
          continue;
        }
        const changed = what === 'add' ? own.add(asked) : own.remove(asked);
        const had = new Set(before['trades']);
        const has = new Set(own.state()['trades']);
        const differs = [...new Set([...had, ...has])].filter((each) => had.has(each) !== has.has(each));
        assert.equal([...changed].sort(), differs.sort());
      }
    }),
    { numRuns: 300 },
  );
});

test('equal filters have equal keys, whatever the way to them; others have others', () => {
  const [one, other] = [new Subscriptions(LIMITS, '*'), new Subscriptions(LIMITS, '*')];
  one.add(lists({ trades: ['A', 'B', 'C'] }));
  other.add(lists({ trades: ['C', 'B'] }));
  assert.is.not(one.filter('trades').key, other.filter('trades').key);
  one.remove(lists({ trades: ['A'] }));
  assert.is(one.filter('trades').key, other.filter('trades').key);
  assert.is(one.filter('bars').key, '');
  const narrow = new Subscriptions(LIMITS, new Set(['B', 'C']));
  narrow.add(lists({ trades: ['*'] }));
  assert.is(narrow.filter('trades').key, other.filter('trades').key);
});

test('rights: names outside are 409 on every channel, * is what is allowed', () => {
  const own = new Subscriptions(LIMITS, new Set(['A', 'B']));
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
  const own = new Subscriptions(LIMITS, '*');
  assert.is(own.wantsFlushes, false);
  own.add(lists({ flushes: ['egx'] }));
  assert.equal([own.wantsFlush('egx'), own.wantsFlush('other')], [true, false]);
  own.add(lists({ flushes: ['*'] }));
  assert.is(own.wantsFlush('other'), true);
});
