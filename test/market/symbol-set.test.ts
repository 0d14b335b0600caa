import * as assert from 'uvu/assert';
import { SymbolSet } from '../../src/market/symbol-set.ts';
import { suite } from '../support/suite.ts';

const test = suite('SymbolSet');

test('adds and deletes tell whether they changed anything; the view changes with the set', () => {
  const own = new SymbolSet(['A']);
  const { names } = own;
  assert.equal([own.add('B'), own.add('B'), own.delete('A'), own.delete('A')], [true, false, true, false]);
  assert.equal([...names], ['B']);
});

test('the key is that of the names, whatever the order and the way; none is empty', () => {
  const own = new SymbolSet(['A', 'B', 'C']);
  const other = new SymbolSet(['C', 'X', 'A']);
  assert.is.not(own.key, other.key);
  other.delete('X');
  other.add('B');
  assert.is(own.key, other.key);
  for (const name of ['A', 'B', 'C']) own.delete(name);
  assert.is(own.key, '');
});

test('keys stay right when more names come than fingerprints are kept', () => {
  const own = new SymbolSet(['A', 'B']);
  for (let at = 0; at < 20_000; at++) {
    own.add(`N${at}`);
    own.delete(`N${at}`);
  }
  assert.is(own.key, new SymbolSet(['B', 'A']).key);
});
