import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import type { GuardMeasures } from './guard-measures.ts';
import { fallenBehind } from './guard-verdict.ts';

const RECORDED: GuardMeasures = {
  backendCpuRatio: 1.2,
  wallRatio: 1,
  flushCpuShare: 0.3,
  entriesPerFrame: { 500: 0.07, 1: 0.004 },
  redisBytesPerTick: { 500: 28, 1: 39 },
  heapBytesPerTick: { 500: 36, 1: 850 },
};

const test = suite('speed guard: verdict');

test('as recorded, better, and a little worse', () => {
  assert.equal(fallenBehind(RECORDED, RECORDED), []);
  const better = { ...RECORDED, backendCpuRatio: 2, flushCpuShare: 0.1, heapBytesPerTick: { 500: 0, 1: 0 } };
  assert.equal(fallenBehind(better, RECORDED), []);
  assert.equal(
    fallenBehind({ ...RECORDED, backendCpuRatio: 1.1, redisBytesPerTick: { 500: 30, 1: 41 } }, RECORDED),
    [],
  );
});

const CASES: ReadonlyArray<readonly [changes: Partial<GuardMeasures>, says: RegExp]> = [
  [{ backendCpuRatio: 0.9 }, /^backendCpuRatio is 0.9, below 0.96/],
  [{ wallRatio: 0.4 }, /^wallRatio is 0.4/],
  [{ wallRatio: Number.NaN }, /^wallRatio is NaN/],
  [{ flushCpuShare: 0.7 }, /^flushCpuShare is 0.7, above 0.6/],
  [{ entriesPerFrame: { 500: 1, 1: 0.004 } }, /^entriesPerFrame, frames of 500, is 1/],
  [{ redisBytesPerTick: { 500: 28, 1: 59 } }, /^redisBytesPerTick, frames of 1, is 59/],
  [{ heapBytesPerTick: { 500: 120, 1: 850 } }, /^heapBytesPerTick, frames of 500, is 120/],
  [{ heapBytesPerTick: { 500: 30 } }, /^heapBytesPerTick, frames of 1, is NaN/],
];

for (const [changes, says] of CASES) {
  test(JSON.stringify(changes), () => {
    const behind = fallenBehind(changes, RECORDED);
    assert.is(behind.length, 1, behind.join('; '));
    assert.match(behind[0] ?? '', says);
  });
}
