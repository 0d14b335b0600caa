import * as assert from 'uvu/assert';
import { UncommittedWindow } from '../../src/ingest/uncommitted-window.ts';
import { suite } from '../support/suite.ts';

const test = suite('uncommitted window');

/** A window of 4 frames and 100 ticks with these frames taken: seqs from 1. */
function windowOf(...ticks: readonly number[]): UncommittedWindow {
  const window = new UncommittedWindow(4, 100);
  ticks.forEach((count, at) => window.add(at + 1, count));
  return window;
}

for (const [what, ticks, isHalfUsed, isFull, isOverrun] of [
  ['nothing', [], false, false, false],
  ['one frame', [1], false, false, false],
  ['half the frames', [1, 1], true, false, false],
  ['all frames', [1, 1, 1, 1], true, true, false],
  ['twice the frames', [0, 0, 0, 0, 0, 0, 0, 0], true, true, false],
  ['one more than twice', [0, 0, 0, 0, 0, 0, 0, 0, 0], true, true, true],
  ['just under half the ticks', [49], false, false, false],
  ['half the ticks', [50], true, false, false],
  ['all ticks', [100], true, true, false],
  ['twice the ticks', [200], true, true, false],
  ['a tick more than twice', [201], true, true, true],
] as const)
  test(`${what} in flight`, () => {
    const window = windowOf(...ticks);
    assert.is(window.frames, ticks.length);
    assert.is(window.isHalfUsed, isHalfUsed);
    assert.is(window.isFull, isFull);
    assert.is(window.isOverrun, isOverrun);
  });

test('a commit frees every frame up to its seq, and no other', () => {
  const window = windowOf(10, 20, 30);
  window.committed(2);
  assert.equal([window.frames, window.ticks], [1, 30]);
  window.committed(1);
  assert.equal([window.frames, window.ticks], [1, 30], 'an older commit');
  window.committed(99);
  assert.equal([window.frames, window.ticks], [0, 0]);
});

test('seqs may have gaps: a commit inside one frees what lies below', () => {
  const window = new UncommittedWindow(10, 100);
  for (const seq of [10, 20, 30]) window.add(seq, 1);
  window.committed(29);
  assert.is(window.frames, 1);
});

test('a million frames pass, with seqs near 2^53: counts stay exact', () => {
  const base = Number.MAX_SAFE_INTEGER - 1_000_000;
  const window = new UncommittedWindow(5_000, 1_000_000);
  for (let at = 1; at <= 1_000_000; at++) {
    window.add(base + at, at % 7);
    if (at % 1_000 === 0) window.committed(base + at - 1_500);
  }
  assert.is(window.frames, 1_500);
  window.committed(base + 1_000_000);
  assert.equal([window.frames, window.ticks], [0, 0]);
});
