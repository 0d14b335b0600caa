import * as assert from 'uvu/assert';
import { FairWorkQueue } from '../../src/base/fair-work-queue.ts';
import { nextTurn } from '../../src/base/next-turn.ts';
import { suite } from '../support/suite.ts';

const test = suite('FairWorkQueue');
const TURN_MS = 4;

/** A queue whose clock is moved by the work itself. */
class Parts {
  nowMs = 0;
  readonly done: string[] = [];
  readonly queue: FairWorkQueue = new FairWorkQueue({ turnMs: TURN_MS, nowMs: () => this.nowMs });

  run(owner: string, lane: object, name: string, tookMs = 1): void {
    this.queue.run(owner, lane, () => {
      this.nowMs += tookMs;
      this.done.push(name);
    });
  }

  take(): string[] {
    return this.done.splice(0);
  }
}

const lanes = (count: number): object[] => Array.from({ length: count }, () => ({}));

test('work is done at once while there is time; a new turn has new time', async () => {
  const parts = new Parts();
  parts.run('a', {}, 'first');
  assert.equal(parts.take(), ['first']);
  await nextTurn();
  parts.run('a', {}, 'second');
  assert.equal(parts.take(), ['second']);
});

test('a flood of one owner takes so much of each turn, and half of the first before another comes', async () => {
  const parts = new Parts();
  for (const lane of lanes(50)) for (let at = 0; at < 2; at++) parts.run('flood', lane, 'f');
  assert.is(parts.take().length, TURN_MS / 2);
  parts.run('other', {}, 'o');
  assert.equal(parts.take(), ['o'], 'in the same turn');
  const turns: number[] = [];
  for (let turn = 0; turn < 30; turn++) {
    await nextTurn();
    turns.push(parts.take().length);
  }
  assert.is(Math.max(...turns), TURN_MS);
  assert.is(
    turns.reduce((sum, count) => sum + count, 0),
    98,
  );
});

test('owners take turns, however many connections one has; so do the connections of one', async () => {
  const parts = new Parts();
  const [own, ...flood] = lanes(20);
  for (const lane of flood) for (let at = 0; at < 5; at++) parts.run('flood', lane, 'f');
  for (let at = 0; at < 4; at++) parts.run('other', own ?? {}, 'o');
  parts.take();
  await nextTurn();
  assert.equal(parts.take(), ['f', 'o', 'f', 'o']);
  const order: string[] = [];
  const [left = {}, right = {}] = lanes(2);
  const one = new Parts();
  for (let at = 0; at < 2; at++) one.run('x', {}, 'fills the turn');
  for (let at = 0; at < 3; at++)
    for (const [name, lane] of [
      ['l', left],
      ['r', right],
    ] as const)
      one.run('x', lane, name);
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn();
    order.push(...one.take());
  }
  assert.is(order.join('').replaceAll('fills the turn', ''), 'lrlrlr');
});

test('a slice is time, not pieces: an owner of long pieces does not hold up one of short ones', async () => {
  const parts = new Parts();
  for (const lane of lanes(9)) parts.run('long', lane, 'l', 2);
  for (const lane of lanes(20)) parts.run('short', lane, 's', 0.25);
  parts.take();
  await nextTurn();
  assert.is(parts.take().join(''), 'lssssl');
});

test('the work of a connection is done in its order, also where time is left again', async () => {
  const parts = new Parts();
  const lane = {};
  parts.run('a', lane, '1', TURN_MS);
  parts.run('a', lane, '2', TURN_MS);
  parts.run('a', lane, '3', TURN_MS);
  await nextTurn();
  parts.run('a', lane, '4', TURN_MS);
  for (let turn = 0; turn < 4; turn++) await nextTurn();
  assert.equal(parts.take(), ['1', '2', '3', '4']);
});

test('dropped: what waits of a connection is not done, that of others is', async () => {
  const parts = new Parts();
  const [gone = {}, stays = {}] = lanes(2);
  parts.run('a', {}, 'fills the turn', TURN_MS);
  for (const lane of [gone, stays]) parts.run('a', lane, lane === gone ? 'gone' : 'stays');
  parts.queue.drop(gone);
  parts.take();
  await nextTurn();
  assert.equal(parts.take(), ['stays']);
});

test('disposed: nothing is done any more', async () => {
  const parts = new Parts();
  parts.run('a', {}, 'fills the turn', TURN_MS);
  parts.run('a', {}, 'waits');
  parts.queue[Symbol.dispose]();
  await nextTurn();
  assert.equal(parts.take(), ['fills the turn']);
});
