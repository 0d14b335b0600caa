import * as assert from 'uvu/assert';
import { withDeadline } from '../../src/base/deadline.ts';
import { DisposalStack } from '../../src/base/disposal-stack.ts';
import { Fifo } from '../../src/base/fifo.ts';
import { grown } from '../../src/base/growable-columns.ts';
import { PageSize } from '../../src/base/page-size.ts';
import { randomId } from '../../src/base/random-id.ts';
import { TokenBucket } from '../../src/base/token-bucket.ts';
import { suite } from '../support/suite.ts';

const test = suite('base');

test('a deadline gives the value, undefined when it is late, and what the work throws', async () => {
  assert.is(await withDeadline(Promise.resolve(7), 1_000), 7);
  assert.is(await withDeadline(new Promise(() => undefined), 1), undefined);
  const thrown = await withDeadline(Promise.reject(new RangeError('no')), 1_000).catch((error: unknown) => error);
  assert.instance(thrown, RangeError);
});

test('a queue keeps the order over thousands of items, whatever is taken out between', () => {
  const queue = new Fifo<number>();
  let next = 0;
  let expected = 0;
  for (let round = 1; round < 200; round++) {
    for (let count = 0; count < round; count++) queue.push(next++);
    for (let count = 0; count < round - 1; count++) assert.is(queue.shift(), expected++);
    assert.is(queue.length, next - expected);
    assert.is(queue.at(0), expected);
    assert.is(queue.at(queue.length), undefined);
  }
  queue.clear();
  assert.is(queue.shift(), undefined);
  assert.is(queue.length, 0);
});

test('a bucket gives a burst, then a steady rate, and nothing for a clock that steps back', () => {
  const bucket = new TokenBucket(10, 3, 1_000);
  assert.equal(
    [1, 2, 3, 4].map(() => bucket.tryTake(1_000)),
    [true, true, true, false],
  );
  assert.is(bucket.tryTake(1_100), true);
  assert.is(bucket.tryTake(500), false);
  assert.is(bucket.tryTake(600), true);
  assert.is(bucket.take(600, 5), -5);
  assert.is(bucket.tryTake(100_000, 3), true);
});

test('a page is as many entries as fit the bytes, within its bounds', () => {
  const size = new PageSize({ targetBytes: 1_000, minEntries: 2, maxEntries: 10, firstEntryBytes: 200 });
  assert.is(size.entries, 5);
  size.learn(10, 10_000);
  assert.is(size.entries, 2);
  size.learn(10, 10);
  assert.is(size.entries, 10);
  size.learn(0, 0);
  assert.is(size.entries, 10);
});

test('random names do not meet and need no escaping in a URL', () => {
  const names = new Set(Array.from({ length: 1_000 }, () => randomId(9)));
  assert.is(names.size, 1_000);
  for (const name of names) assert.match(name, /^[\w-]{12}$/);
});

test('a stack disposes in reverse order, each step after the one before has ended', async () => {
  const order: string[] = [];
  const stack = new DisposalStack();
  const first = stack.use({ [Symbol.dispose]: () => void order.push('first') });
  assert.type(first[Symbol.dispose], 'function');
  stack.defer(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push('second');
  });
  stack.use({ [Symbol.asyncDispose]: async () => void order.push('third') });
  await Promise.all([stack.disposeAsync(), stack[Symbol.asyncDispose]()]);
  assert.equal(order, ['third', 'second', 'first']);
});

test('a stack goes on after a failing step, and reports all errors', async () => {
  const order: string[] = [];
  const failing = (name: string) => (): never => {
    order.push(name);
    throw new Error(name);
  };
  const one = new DisposalStack();
  one.defer(() => order.push('last'));
  one.defer(failing('only'));
  const single: unknown = await one.disposeAsync().catch((error: unknown) => error);
  assert.equal(order, ['only', 'last']);
  assert.is(single instanceof Error ? single.message : '', 'only');

  const two = new DisposalStack();
  two.defer(failing('a'));
  two.defer(async () => failing('b')());
  const both: unknown = await two.disposeAsync().catch((error: unknown) => error);
  assert.instance(both, AggregateError);
  assert.equal(both instanceof AggregateError ? both.errors.map(String) : [], ['Error: b', 'Error: a']);
});

test('a grown column keeps its kind and its values', () => {
  assert.equal(grown(Int32Array.of(1, 2), 4), Int32Array.of(1, 2, 0, 0));
  assert.equal(grown(Float64Array.of(0.5), 3), Float64Array.of(0.5, 0, 0));
});
