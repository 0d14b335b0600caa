import * as assert from 'uvu/assert';
import type { Watermark } from '../../src/flush/chain-filter.ts';
import { DivergenceDetector, type FeedObservation } from '../../src/flush/divergence-detector.ts';
import { suite } from '../support/suite.ts';

const test = suite('divergence detector');

const state = (
  position: number,
  row: Watermark | undefined,
  generation = 'G',
  run = 'run-1',
  feed = 'f',
): FeedObservation => ({
  feed,
  run,
  generation,
  position,
  row,
});
const rowAt = (seq: number, generation = 'G'): Watermark => ({ seq, generation });
const rows = (row: Watermark | undefined, feed = 'f'): Map<string, Watermark> =>
  new Map(row === undefined ? [] : [[feed, row]]);

const OBSERVATIONS: ReadonlyArray<readonly [what: string, observation: FeedObservation, isSuspicious: boolean]> = [
  ['a row that has caught up', state(5, rowAt(5)), false],
  ['a row ahead, of the same generation', state(5, rowAt(6)), false],
  ['a new feed', state(0, rowAt(0)), false],
  ['a row behind', state(5, rowAt(4)), true],
  ['a row of another generation', state(5, rowAt(5, 'H')), true],
  ['a row of another generation that is ahead', state(5, rowAt(9, 'H')), true],
  ['no row', state(0, undefined), true],
];
for (const [what, observation, isSuspicious] of OBSERVATIONS) {
  test(`${what} is ${isSuspicious ? '' : 'not '}suspicious`, () =>
    assert.is(DivergenceDetector.isSuspicious(observation), isSuspicious));
}

const INVALIDATION = { feed: 'f', run: 'run-1', generation: 'G' };

test('a divergence that stands for two rounds is to be invalidated, and once', () => {
  const detector = new DivergenceDetector();
  assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(3))), []);
  assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(3))), [INVALIDATION]);
  assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(3))), [], 'counted anew');
  assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(3))), [INVALIDATION]);
});

test('a row that is gone, or of another generation, is a divergence too', () => {
  for (const row of [undefined, rowAt(5, 'H')]) {
    const detector = new DivergenceDetector();
    detector.endRound([state(5, row)], rows(row));
    assert.equal(detector.endRound([state(5, row)], rows(row)), [INVALIDATION]);
  }
});

test('the row as it is after the reading decides', () => {
  const detector = new DivergenceDetector();
  for (let round = 0; round < 5; round++) assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(5))), []);
});

test('a feed that goes on has not diverged, however far behind its row is when it is observed', () => {
  const detector = new DivergenceDetector();
  for (let round = 1; round < 20; round++) {
    assert.equal(detector.endRound([state(round * 100, rowAt((round - 1) * 100))], rows(rowAt(round * 100))), []);
  }
});

const BREAKS: ReadonlyArray<readonly [what: string, between: (detector: DivergenceDetector) => void]> = [
  ['a round that was not finished', (detector) => detector.abandonRound()],
  [
    'a round in which the state was confirmed',
    (detector) => void detector.endRound([state(5, rowAt(3))], rows(rowAt(5))),
  ],
  ['a round without the state', (detector) => void detector.endRound([], rows(rowAt(3)))],
  ['a round with another generation', (detector) => void detector.endRound([state(5, rowAt(3), 'H')], rows(rowAt(3)))],
  [
    'a round with another run of Redis',
    (detector) => void detector.endRound([state(5, rowAt(3), 'G', 'run-2')], rows(rowAt(3))),
  ],
];
for (const [what, between] of BREAKS) {
  test(`${what} breaks the series`, () => {
    const detector = new DivergenceDetector();
    detector.endRound([state(5, rowAt(3))], rows(rowAt(3)));
    between(detector);
    assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(3))), []);
    assert.equal(detector.endRound([state(5, rowAt(3))], rows(rowAt(3))), [INVALIDATION]);
  });
}

test('each feed has its own series', () => {
  const detector = new DivergenceDetector();
  const g = state(9, undefined, 'K', 'run-1', 'g');
  detector.endRound([state(5, rowAt(3))], rows(rowAt(3)));
  assert.equal(detector.endRound([state(5, rowAt(3)), g], rows(rowAt(3))), [INVALIDATION]);
  assert.equal(detector.endRound([g], rows(undefined)), [{ feed: 'g', run: 'run-1', generation: 'K' }]);
});
