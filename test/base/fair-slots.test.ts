import * as assert from 'uvu/assert';
import { FairSlots, type Release } from '../../src/base/fair-slots.ts';
import { settle } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('FairSlots');

test('at most so many at once; a slot that is free goes round the owners', async () => {
  const slots = new FairSlots(2);
  const granted: Array<readonly [owner: string, release: Release]> = [];
  const ask = (owner: string): void =>
    void slots.acquire(owner).then((release) => granted.push([owner, release] as const));
  for (let at = 0; at < 100; at++) ask('many');
  ask('one');
  ask('two');
  await settle(2);
  assert.is(granted.length, 2);
  const order: string[] = [];
  for (let at = 0; at < 4; at++) {
    granted.shift()?.[1]();
    await settle(2);
    order.push(granted.at(-1)?.[0] ?? '');
    assert.is(slots.held, 2);
  }
  assert.equal(order, ['many', 'one', 'two', 'many']);
});

test('released twice is released once; the last ones free all', async () => {
  const slots = new FairSlots(1);
  const first = await slots.acquire('a');
  const second = slots.acquire('a');
  first();
  first();
  const release = await second;
  assert.is(slots.held, 1);
  release();
  assert.is(slots.held, 0);
});
