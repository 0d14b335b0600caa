import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ChainFilter, type ChainVerdict, type Watermark } from '../../src/flush/chain-filter.ts';
import { suite } from '../support/suite.ts';

const test = suite('chain filter');
type Frame = readonly [feed: string, generation: string, prev: number, seq: number];

/** Classifies frames in their order and takes what may be taken, as a flush does. */
function classify(filter: ChainFilter, frames: readonly Frame[]): ChainVerdict[] {
  return frames.map(([feed, generation, prev, seq]) => {
    const verdict = filter.classify(feed, generation, prev, seq);
    if (verdict === 'take') filter.take(feed, seq);
    return verdict;
  });
}

const ROWS = new Map<string, Watermark>([
  ['f', { seq: 5, generation: 'G' }],
  ['g', { seq: 0, generation: 'H' }],
]);

const CASES: ReadonlyArray<readonly [what: string, frames: readonly Frame[], verdicts: readonly ChainVerdict[]]> = [
  ['the next frame', [['f', 'G', 5, 6]], ['take']],
  ['a gap in the numbers that is none', [['f', 'G', 5, 9]], ['take']],
  [
    'one behind the other',
    [
      ['f', 'G', 5, 6],
      ['f', 'G', 6, 7],
    ],
    ['take', 'take'],
  ],
  ['at the watermark', [['f', 'G', 4, 5]], ['repeat']],
  ['below the watermark', [['f', 'G', 1, 2]], ['repeat']],
  [
    'up to the watermark and on',
    [
      ['f', 'G', 4, 5],
      ['f', 'G', 5, 6],
    ],
    ['repeat', 'take'],
  ],
  [
    'the same frame twice',
    [
      ['f', 'G', 5, 6],
      ['f', 'G', 5, 6],
    ],
    ['take', 'repeat'],
  ],
  ['a frame over the watermark', [['f', 'G', 4, 6]], ['broken']],
  ['a frame is missing', [['f', 'G', 6, 7]], ['broken']],
  [
    'what stands behind a hole',
    [
      ['f', 'G', 6, 7],
      ['f', 'G', 5, 6],
      ['f', 'G', 6, 7],
    ],
    ['broken', 'broken', 'broken'],
  ],
  [
    'a repeat behind a hole',
    [
      ['f', 'G', 6, 7],
      ['f', 'G', 4, 5],
    ],
    ['broken', 'repeat'],
  ],
  ['another generation', [['f', 'H', 5, 6]], ['stale']],
  [
    'another generation breaks nothing',
    [
      ['f', 'H', 7, 8],
      ['f', 'G', 5, 6],
    ],
    ['stale', 'take'],
  ],
  ['another generation below the watermark', [['f', 'H', 1, 2]], ['stale']],
  ['a feed without a row', [['new', 'G', 0, 1]], ['stale']],
  [
    'feeds do not touch each other',
    [
      ['f', 'G', 7, 8],
      ['g', 'H', 0, 1],
      ['g', 'H', 1, 2],
    ],
    ['broken', 'take', 'take'],
  ],
  ['as far as numbers go', [['g', 'H', 0, Number.MAX_SAFE_INTEGER]], ['take']],
];
for (const [what, frames, verdicts] of CASES) {
  test(what, () => assert.equal(classify(new ChainFilter(ROWS), frames), verdicts));
}

test('a frame that cannot be read breaks the chain of its feed', () => {
  const filter = new ChainFilter(ROWS);
  assert.is(filter.classify('f', 'G', 5, 6), 'take');
  filter.breakOff('f');
  assert.equal(
    classify(filter, [
      ['f', 'G', 5, 6],
      ['g', 'H', 0, 1],
    ]),
    ['broken', 'take'],
  );
  assert.is(filter.reached('f'), undefined);
  assert.is(filter.reached('g'), 1);
});

test('judging alone moves nothing', () => {
  const filter = new ChainFilter(ROWS);
  assert.is(filter.classify('f', 'G', 5, 6), 'take');
  assert.is(filter.classify('f', 'G', 5, 6), 'take');
  assert.is(filter.reached('f'), undefined);
});

test('whatever the stream holds, what is taken of a feed continues its watermark without a hole', () => {
  const seq = fc.nat(12);
  const frame = fc.tuple(
    fc.constantFrom('f', 'g', 'new'),
    fc.constantFrom('G', 'H'),
    seq,
    fc.integer({ min: 1, max: 3 }),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 40 }), (drawn) => {
      const frames = drawn.map(([feed, generation, prev, by]): Frame => [feed, generation, prev, prev + by]);
      const filter = new ChainFilter(ROWS);
      const verdicts = classify(filter, frames);
      for (const [feed, row] of ROWS) {
        let reached = row.seq;
        frames.forEach(([name, generation, prev, last], at) => {
          if (name !== feed || verdicts[at] !== 'take') return;
          assert.is(generation, row.generation);
          assert.is(prev, reached);
          reached = last;
        });
        assert.is(filter.reached(feed) ?? row.seq, reached);
      }
      assert.is(filter.reached('new'), undefined);
    }),
    { numRuns: 3_000 },
  );
});
