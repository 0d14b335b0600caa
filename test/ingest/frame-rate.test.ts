import * as assert from 'uvu/assert';
import { FrameRate, type FrameRateVerdict } from '../../src/ingest/frame-rate.ts';
import { suite } from '../support/suite.ts';

const test = suite('rate of frames');

/** Verdicts of `count` frames at the same moment. */
function burst(rate: FrameRate, count: number, nowMs: number): FrameRateVerdict[] {
  return Array.from({ length: count }, () => rate.take(nowMs));
}

test('0 is no bound', () => {
  const rate = new FrameRate(0, 0);
  assert.ok(burst(rate, 100_000, 0).every((verdict) => verdict.kind === 'go-on'));
});

test('a second’s worth at once, then a pause for each frame more', () => {
  const rate = new FrameRate(100, 0);
  const verdicts = burst(rate, 103, 0);
  assert.ok(verdicts.slice(0, 100).every((verdict) => verdict.kind === 'go-on'));
  assert.equal(verdicts.slice(100), [
    { kind: 'pause', pauseMs: 10 },
    { kind: 'pause', pauseMs: 20 },
    { kind: 'pause', pauseMs: 30 },
  ]);
});

test('whoever heeds the pause goes on for ever at the rate', () => {
  const rate = new FrameRate(100, 0);
  let nowMs = 0;
  let frames = 0;
  while (nowMs < 60_000) {
    const verdict = rate.take(nowMs);
    assert.is.not(verdict.kind, 'exceeded');
    frames += 1;
    if (verdict.kind === 'pause') nowMs += verdict.pauseMs;
  }
  assert.ok(Math.abs(frames - 6_100) <= 2, String(frames));
});

test('quiet times are worth a second at the most', () => {
  const rate = new FrameRate(10, 0);
  assert.is(burst(rate, 11, 3_600_000).at(-1)?.kind, 'pause');
});

test('ten seconds’ worth beyond is too much', () => {
  const verdicts = burst(new FrameRate(200, 0), 2_202, 0).map((verdict) => verdict.kind);
  assert.is(verdicts.indexOf('exceeded'), 2_200);
});

test('at a low rate, what one read may hold is no offence', () => {
  const verdicts = burst(new FrameRate(1, 0), 1_003, 0).map((verdict) => verdict.kind);
  assert.is(verdicts.indexOf('exceeded'), 1_001);
});

test('a clock that goes back gives nothing and takes nothing', () => {
  const rate = new FrameRate(10, 10_000);
  burst(rate, 10, 10_000);
  assert.equal(rate.take(5_000), { kind: 'pause', pauseMs: 100 });
});
