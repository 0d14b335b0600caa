import * as assert from 'uvu/assert';
import { nearestAllowed, priceLimits, tickMills, toMills, toPounds } from '../../../clients/simulator/price-ladder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('clients/simulator/price-ladder');

test('the tick is 0.001 below two pounds and 0.01 from there on', () => {
  assert.equal([1, 1_999, 2_000, 117_600].map(tickMills), [1, 1, 10, 10]);
});

test('limits lie 20 % around the previous close, inwards to the tick', () => {
  const cases: ReadonlyArray<readonly [previousClose: number, low: number, high: number]> = [
    [100, 80, 120],
    [45.53, 36.43, 54.63],
    [1.237, 0.99, 1.484],
    // The tick changes between the close and a limit.
    [1.9, 1.52, 2.28],
    [1.671, 1.337, 2],
    [2.01, 1.608, 2.41],
    [0.001, 0.001, 0.001],
  ];
  for (const [previousClose, low, high] of cases) {
    const limits = priceLimits(toMills(previousClose));
    assert.equal([toPounds(limits.lowMills), toPounds(limits.highMills)], [low, high], String(previousClose));
    assert.ok(low >= previousClose * 0.8 - 1e-9 && high <= previousClose * 1.2 + 1e-9, String(previousClose));
  }
});

test('the nearest allowed price is on the tick and within the limits', () => {
  const limits = priceLimits(toMills(2));
  assert.equal(
    [1_000, 1_600.4, 1_999.4, 1_999.6, 2_004.9, 2_005.1, 9_000].map((mills) => nearestAllowed(mills, limits)),
    [1_600, 1_600, 1_999, 2_000, 2_000, 2_010, 2_400],
  );
});

test('every price of the ladder prints as its decimal', () => {
  for (let mills = 1; mills < 600_000; mills += tickMills(mills)) {
    const decimals = mills < 2_000 ? 3 : 2;
    const text = `${Math.floor(mills / 1_000)}.${String(mills % 1_000)
      .padStart(3, '0')
      .slice(0, decimals)}`;
    if (JSON.stringify(toPounds(mills)) !== text.replace(/\.?0+$/, '')) {
      assert.unreachable(`${JSON.stringify(toPounds(mills))} is not ${text}`);
    }
    if (toMills(toPounds(mills)) !== mills) assert.unreachable(`${mills} mills do not come back`);
  }
});
