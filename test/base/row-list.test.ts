import * as assert from 'uvu/assert';
import { RowList } from '../../src/base/row-list.ts';
import { suite } from '../support/suite.ts';
import { listOf, numbersOf } from '../fanout/row-lists.ts';

const test = suite('lists of rows');

test('rows stay in order, however many they are', () => {
  const many = Array.from({ length: 1_000 }, (_, at) => at * 3);
  assert.equal(numbersOf(listOf(many)), many);
  assert.equal(numbersOf(RowList.range(5, 9)), [5, 6, 7, 8]);
  assert.equal(numbersOf(RowList.range(5, 5)), []);
});

test('a list that was emptied is filled again in the same memory', () => {
  const list = listOf(Array.from({ length: 100 }, (_, at) => at));
  const { values } = list;
  list.clear();
  assert.equal(numbersOf(list), []);
  list.push(7);
  assert.equal(numbersOf(list), [7]);
  assert.is(list.values, values);
});

test('a slice is a list of its own', () => {
  const list = listOf([1, 2, 3, 4]);
  const middle = list.slice(1, 3);
  const rest = list.slice(2);
  list.clear();
  list.push(9);
  assert.equal(numbersOf(middle), [2, 3]);
  assert.equal(numbersOf(rest), [3, 4]);
});
