import * as assert from 'uvu/assert';
import { type DeliveryProfile, SubscriberGroups } from '../../../src/fanout/delivery/subscriber-groups.ts';
import { NO_SYMBOLS } from '../../../src/market/symbol-filter.ts';
import { suite } from '../../support/suite.ts';
import { EVERYTHING, symbols } from '../fakes/fake-subscriber.ts';

const test = suite('SubscriberGroups');

const profile = (filter = EVERYTHING, changes: Partial<DeliveryProfile> = {}): DeliveryProfile => ({
  codec: 'json',
  withPositions: false,
  filter,
  ...changes,
});

/** Members of each group that names the symbol. */
const naming = (groups: SubscriberGroups<string>, symbol: string): string[][] =>
  (groups.of(symbol) ?? []).map(({ members }) => [...members]);

const ofAll = (groups: SubscriberGroups<string>): string[][] => [...groups.ofAll].map(({ members }) => [...members]);

test('equal profiles are one group, whatever the order of their symbols', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('a', profile(symbols('X', 'Y')));
  groups.join('b', profile(symbols('Y', 'X')));
  assert.equal(naming(groups, 'X'), [['a', 'b']]);
  assert.equal(naming(groups, 'Y'), [['a', 'b']]);
  assert.is(groups.of('X')?.[0], groups.of('Y')?.[0]);
});

test('another codec, positions or symbols are another group', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('json', profile());
  groups.join('msgpack', profile(EVERYTHING, { codec: 'msgpack' }));
  groups.join('pos', profile(EVERYTHING, { withPositions: true }));
  groups.join('named', profile(symbols('X')));
  assert.equal(ofAll(groups), [['json'], ['msgpack'], ['pos']]);
  assert.equal(naming(groups, 'X'), [['named']]);
});

test('a member is in one group: joining another leaves the first', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('a', profile(symbols('X')));
  groups.join('a', profile(symbols('Y')));
  assert.equal(naming(groups, 'X'), []);
  assert.equal(naming(groups, 'Y'), [['a']]);
  groups.join('a', profile());
  assert.equal(naming(groups, 'Y'), []);
  assert.equal(ofAll(groups), [['a']]);
});

test('the last member to leave takes the group with it; a stranger changes nothing', () => {
  const groups = new SubscriberGroups<string>();
  for (const member of ['a', 'b']) groups.join(member, profile(symbols('X')));
  groups.join('c', profile(symbols('X', 'Y')));
  groups.leave('a');
  assert.equal(naming(groups, 'X'), [['b'], ['c']]);
  groups.leave('b');
  groups.leave('nobody');
  assert.equal(naming(groups, 'X'), [['c']]);
  groups.leave('c');
  assert.is(groups.of('X'), undefined);
  assert.is(groups.of('Y'), undefined);
  assert.ok(groups.isEmpty);
});

test('a profile without symbols is in no group', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('a', profile());
  groups.join('a', profile(NO_SYMBOLS));
  assert.ok(groups.isEmpty);
  assert.equal(ofAll(groups), []);
});

test('the version moves with the groups, not with their members', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('a', profile(symbols('X')));
  const { version } = groups;
  groups.join('b', profile(symbols('X')));
  groups.leave('a');
  assert.is(groups.version, version);
  groups.leave('b');
  assert.is.not(groups.version, version);
});
