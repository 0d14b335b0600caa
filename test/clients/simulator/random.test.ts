import * as assert from 'uvu/assert';
import { Random } from '../../../clients/simulator/random.ts';
import { suite } from '../../support/suite.ts';

const test = suite('clients/simulator/random');
const DRAWS = 200_000;

test('is xoshiro128**: the numbers of the reference implementation', () => {
  const random = new Random([1, 2, 3, 4]);
  assert.equal(
    Array.from({ length: 10 }, () => random.uint32()),
    [
      11_520, 0, 5_927_040, 70_819_200, 2_031_721_883, 1_637_235_492, 1_287_239_034, 3_734_860_849, 3_729_100_597,
      4_258_142_804,
    ],
  );
});

test('the same seed repeats, another one does not', () => {
  const draw = (seed: number | string): number[] => {
    const random = Random.fromSeed(seed);
    return Array.from({ length: 20 }, () => random.uint32());
  };
  assert.equal(draw(7), draw(7));
  assert.equal(draw('egx'), draw('egx'));
  assert.not.equal(draw(7), draw(8));
});

test('fractions, normals and exponentials have the mean and deviation they should', () => {
  const random = Random.fromSeed(1);
  const cases: ReadonlyArray<readonly [string, () => number, mean: number, deviation: number]> = [
    ['fraction', () => random.fraction(), 0.5, Math.sqrt(1 / 12)],
    ['normal', () => random.normal(), 0, 1],
    ['exponential', () => random.exponential(), 1, 1],
  ];
  for (const [name, draw, mean, deviation] of cases) {
    let [sum, squares] = [0, 0];
    for (let n = 0; n < DRAWS; n++) {
      const value = draw();
      if (!Number.isFinite(value)) assert.unreachable(`${name} drew ${value}`);
      sum += value;
      squares += value * value;
    }
    const found = sum / DRAWS;
    assert.ok(Math.abs(found - mean) < 0.01, `${name}: mean ${found}`);
    const spread = Math.sqrt(squares / DRAWS - found * found);
    assert.ok(Math.abs(spread - deviation) < 0.02, `${name}: deviation ${spread}`);
  }
});
