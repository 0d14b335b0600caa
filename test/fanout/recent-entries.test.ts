import * as assert from 'uvu/assert';
import { RecentEntries } from '../../src/fanout/recent-entries.ts';
import { suite } from '../support/suite.ts';
import { shownEntry } from './entries.ts';

const test = suite('the newest entries in memory');
/** With its overhead an entry of the tests takes 1,000 bytes. */
const DATA_BYTES = 744;

const numbers = (entries: ReturnType<RecentEntries['after']>): number[] | undefined =>
  entries?.map(({ shown }) => shown);

test('what follows a number, bounded by bytes; nothing where the first of it is gone', () => {
  const recent = new RecentEntries(10_000);
  assert.is(recent.after(0, 1e9), undefined);
  for (let shown = 1; shown <= 20; shown++) recent.push(shownEntry(shown, DATA_BYTES));
  assert.equal(numbers(recent.after(15, 1e9)), [16, 17, 18, 19, 20]);
  assert.equal(numbers(recent.after(15, 2_500)), [16, 17, 18]);
  assert.equal(numbers(recent.after(20, 1e9)), []);
  assert.equal(numbers(recent.after(10, 1e9))?.length, 10);
  assert.is(recent.after(9, 1e9), undefined);
});

test('a hole clears it: what is there is always without holes', () => {
  const recent = new RecentEntries(1e6);
  for (const shown of [1, 2, 5, 6]) recent.push(shownEntry(shown, DATA_BYTES));
  assert.is(recent.after(2, 1e9), undefined);
  assert.equal(numbers(recent.after(4, 1e9)), [5, 6]);
});

test('a single entry larger than the bound is kept', () => {
  const recent = new RecentEntries(10);
  recent.push(shownEntry(1, DATA_BYTES));
  recent.push(shownEntry(2, DATA_BYTES));
  assert.equal(numbers(recent.after(1, 1)), [2]);
});

test('a hundred thousand entries pass through, the bound holds', () => {
  const recent = new RecentEntries(100_000);
  for (let shown = 1; shown <= 100_000; shown++) recent.push(shownEntry(shown, DATA_BYTES));
  assert.equal(numbers(recent.after(99_998, 1e9)), [99_999, 100_000]);
  assert.is(recent.after(99_800, 1e9), undefined);
  assert.is(recent.after(99_900, 1e9)?.length, 100);
});
