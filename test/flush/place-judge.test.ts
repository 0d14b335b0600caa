import * as assert from 'uvu/assert';
import type { FeedRow } from '../../src/flush/chain-filter.ts';
import { PlaceJudge, type PlaceObservation } from '../../src/flush/place-judge.ts';
import { suite } from '../support/suite.ts';

const test = suite('place judge');

const place = (
  position: number,
  row: FeedRow | undefined,
  generation = 'G',
  run = 'run-1',
  feed = 'f',
): PlaceObservation => ({
  feed,
  run,
  generation,
  position,
  row,
});
const rowAt = (seq: number, generation = 'G'): FeedRow => ({ seq, generation });
const rows = (row: FeedRow | undefined, feed = 'f'): Map<string, FeedRow> =>
  new Map(row === undefined ? [] : [[feed, row]]);

const OBSERVATIONS: ReadonlyArray<readonly [what: string, observation: PlaceObservation, isSuspicious: boolean]> = [
  ['a row that has caught up', place(5, rowAt(5)), false],
  ['a row ahead, of the same generation', place(5, rowAt(6)), false],
  ['a new feed', place(0, rowAt(0)), false],
  ['a row behind', place(5, rowAt(4)), true],
  ['a row of another generation', place(5, rowAt(5, 'H')), true],
  ['a row of another generation that is ahead', place(5, rowAt(9, 'H')), true],
  ['no row', place(0, undefined), true],
];
for (const [what, observation, isSuspicious] of OBSERVATIONS) {
  test(`${what} is ${isSuspicious ? '' : 'not '}suspicious`, () =>
    assert.is(PlaceJudge.isSuspicious(observation), isSuspicious));
}

const SENTENCE = { feed: 'f', run: 'run-1', generation: 'G' };

test('what stands for two rounds is condemned, and once', () => {
  const judge = new PlaceJudge();
  assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(3))), []);
  assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(3))), [SENTENCE]);
  assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(3))), [], 'counted anew');
  assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(3))), [SENTENCE]);
});

test('a row that is gone, or of another generation, is condemned too', () => {
  for (const row of [undefined, rowAt(5, 'H')]) {
    const judge = new PlaceJudge();
    judge.endRound([place(5, row)], rows(row));
    assert.equal(judge.endRound([place(5, row)], rows(row)), [SENTENCE]);
  }
});

test('the row as it is after the reading decides', () => {
  const judge = new PlaceJudge();
  for (let round = 0; round < 5; round++) assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(5))), []);
});

test('a feed that goes on is not condemned, however far behind the row is when it is looked at', () => {
  const judge = new PlaceJudge();
  for (let round = 1; round < 20; round++) {
    assert.equal(judge.endRound([place(round * 100, rowAt((round - 1) * 100))], rows(rowAt(round * 100))), []);
  }
});

const BREAKS: ReadonlyArray<readonly [what: string, between: (judge: PlaceJudge) => void]> = [
  ['a round that was not finished', (judge) => judge.abandonRound()],
  ['a round in which the place was fine', (judge) => void judge.endRound([place(5, rowAt(3))], rows(rowAt(5)))],
  ['a round without the place', (judge) => void judge.endRound([], rows(rowAt(3)))],
  ['a round with another generation', (judge) => void judge.endRound([place(5, rowAt(3), 'H')], rows(rowAt(3)))],
  [
    'a round with another run of Redis',
    (judge) => void judge.endRound([place(5, rowAt(3), 'G', 'run-2')], rows(rowAt(3))),
  ],
];
for (const [what, between] of BREAKS) {
  test(`${what} breaks the series`, () => {
    const judge = new PlaceJudge();
    judge.endRound([place(5, rowAt(3))], rows(rowAt(3)));
    between(judge);
    assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(3))), []);
    assert.equal(judge.endRound([place(5, rowAt(3))], rows(rowAt(3))), [SENTENCE]);
  });
}

test('each feed has its own series', () => {
  const judge = new PlaceJudge();
  const g = place(9, undefined, 'K', 'run-1', 'g');
  judge.endRound([place(5, rowAt(3))], rows(rowAt(3)));
  assert.equal(judge.endRound([place(5, rowAt(3)), g], rows(rowAt(3))), [SENTENCE]);
  assert.equal(judge.endRound([g], rows(undefined)), [{ feed: 'g', run: 'run-1', generation: 'K' }]);
});
