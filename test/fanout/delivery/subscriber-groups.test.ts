import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type DeliveryProfile, SubscriberGroups } from '../../../src/fanout/delivery/subscriber-groups.ts';
import { SymbolSet } from '../../../src/market/symbol-set.ts';
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
  groups.of(symbol).map(({ members }) => [...members]);

const sorted = (members: readonly string[][]): string[] => members.map((each) => each.join('+')).sort();

const ofAll = (groups: SubscriberGroups<string>): string[][] => [...groups.ofAll].map(({ members }) => [...members]);

test('equal profiles are one group, whatever the order of their symbols', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('a', profile(symbols('X', 'Y')));
  groups.join('b', profile(symbols('Y', 'X')));
  assert.equal(naming(groups, 'X'), [['a', 'b']]);
  assert.equal(naming(groups, 'Y'), [['a', 'b']]);
  assert.is(groups.of('X')[0], groups.of('Y')[0]);
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
  assert.is(groups.of('X').length, 0);
  assert.is(groups.of('Y').length, 0);
  assert.ok(groups.isEmpty);
});

test('a profile without symbols is in no group', () => {
  const groups = new SubscriberGroups<string>();
  groups.join('a', profile());
  groups.join('a', profile(NO_SYMBOLS));
  assert.ok(groups.isEmpty);
  assert.equal(ofAll(groups), []);
});

test('the array of a symbol stays the same one, whatever groups come and go', () => {
  const groups = new SubscriberGroups<string>();
  const array = groups.of('X');
  groups.join('a', profile(symbols('X')));
  assert.is(array.length, 1);
  groups.leave('a');
  groups.join('b', profile(symbols('X', 'Y')));
  assert.is(groups.of('X'), array);
  assert.equal(naming(groups, 'X'), [['b']]);
});

/** A member with a set of names that it changes, as a connection does. */
class Changing {
  readonly set: SymbolSet;
  readonly #groups: SubscriberGroups<string>;
  readonly #name: string;

  constructor(groups: SubscriberGroups<string>, name: string, names: Iterable<string>) {
    this.#groups = groups;
    this.#name = name;
    this.set = new SymbolSet(names);
    this.#join([]);
  }

  add(name: string): void {
    this.set.add(name);
    this.#join([name]);
  }

  delete(name: string): void {
    this.set.delete(name);
    this.#join([name]);
  }

  #join(changed: readonly string[]): void {
    const { names, key } = this.set;
    this.#groups.join(this.#name, profile({ isAll: false, names, key }), changed);
  }
}

const NAMES: readonly string[] = Array.from({ length: 500 }, (_, at) => `S${at}`);

test('a change moves the names that changed, not all: sixty changes of one name each by a hundred members of 500', () => {
  const groups = new SubscriberGroups<string>();
  const members = Array.from({ length: 100 }, (_, at) => new Changing(groups, `m${at}`, NAMES));
  assert.is(groups.namesMoved, 500, 'equal members are one group');
  // The first change of each leaves the group that it shared: that one costs a group.
  for (const [at, member] of members.entries()) member.delete(`S${at}`);
  const before = groups.namesMoved;
  for (let round = 0; round < 30; round++) {
    for (const [at, member] of members.entries()) {
      member.add(`S${at}`);
      member.delete(`S${at}`);
    }
  }
  assert.is(groups.namesMoved - before, 100 * 60);
  assert.is(groups.of('S0').length, 99);
});

test('groups that changed into equal ones are one again when the changes have ended', () => {
  const flushed: string[] = [];
  const groups = new SubscriberGroups<string>(({ members }) => void flushed.push([...members].join('+')));
  const [a, b] = [new Changing(groups, 'a', NAMES), new Changing(groups, 'b', NAMES)];
  b.delete('S1');
  b.add('S1');
  assert.equal(sorted(naming(groups, 'S1')), ['a', 'b']);
  groups.mergeEqual(1_000);
  assert.equal(sorted(naming(groups, 'S1')), ['a', 'b'], 'it may change again');
  flushed.length = 0;
  groups.mergeEqual(1_000);
  assert.equal(naming(groups, 'S1'), [['a', 'b']]);
  assert.equal(flushed.sort(), ['a', 'b'], 'pending ticks go to the members before');
  a.delete('S2');
  assert.equal([naming(groups, 'S2'), sorted(naming(groups, 'S1'))], [[['b']], ['a', 'b']]);
  b.delete('S2');
  for (let round = 0; round < 2; round++) groups.mergeEqual(1_000);
  assert.equal([naming(groups, 'S2').length, naming(groups, 'S1').map(({ length }) => length)], [0, [2]]);
});

test('any changes of any members: each is named exactly by its own names, and equal ones end in one group', () => {
  const change = fc.tuple(fc.nat(3), fc.nat(5), fc.constantFrom('add', 'delete', 'merge', 'all', 'leave'));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const groups = new SubscriberGroups<string>();
      const sets = Array.from({ length: 4 }, () => new SymbolSet());
      const isAll = [false, false, false, false];
      const join = (at: number, changed: readonly string[]): void => {
        const { names, key } = sets[at] ?? new SymbolSet();
        const filter = isAll[at] === true ? EVERYTHING : { isAll: false, names, key };
        groups.join(`m${at}`, profile(filter), changed);
      };
      for (const [at, number, what] of changes) {
        const name = `S${number}`;
        const set = sets[at] ?? new SymbolSet();
        if (what === 'merge') groups.mergeEqual(1_000);
        else if (what === 'leave') groups.leave(`m${at}`);
        else {
          if (what === 'all') isAll[at] = isAll[at] !== true;
          else if (what === 'add') set.add(name);
          else set.delete(name);
          join(at, what === 'all' ? [] : [name]);
        }
      }
      for (let at = 0; at < 4; at++) join(at, []);
      for (let round = 0; round < 2; round++) groups.mergeEqual(1_000);
      for (let number = 0; number <= 5; number++) {
        const expected = sets.flatMap((set, at) => (isAll[at] !== true && set.has(`S${number}`) ? [`m${at}`] : []));
        assert.equal(naming(groups, `S${number}`).flat().sort(), expected);
      }
      const keys = new Set(sets.flatMap(({ key }, at) => (isAll[at] === true || key === '' ? [] : [key])));
      const ofNames = new Set([0, 1, 2, 3, 4, 5].flatMap((number) => groups.of(`S${number}`)));
      assert.is(ofNames.size, keys.size);
    }),
    { numRuns: 500 },
  );
});
