import * as assert from 'uvu/assert';
import { dueMsOf, frameNumberOf, scheduleOf } from '../../../clients/load/load-plan.ts';
import { loadFrame, loadSymbol } from '../../../clients/load/load-ticks.ts';
import { SentTally } from '../../../clients/load/sent-tally.ts';
import { suite } from '../../support/suite.ts';
import { PLAN } from './plan.ts';

const test = suite('load plan');

test('20,000 ticks a second in frames of 50 are 400 frames a second, of all feeds together', () => {
  const schedule = scheduleOf(PLAN);
  assert.is(schedule.intervalMs, 2.5);
  assert.is(schedule.frames, 4_000);
});

test('frames of the feeds follow each other evenly, each once', () => {
  const schedule = scheduleOf(PLAN);
  const dues: number[] = [];
  for (let seq = 1; seq <= 3; seq++) {
    for (let feed = 0; feed < PLAN.feeds; feed++) dues.push(dueMsOf(frameNumberOf(feed, seq, PLAN), schedule));
  }
  assert.equal(dues, [0, 2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20, 22.5, 25, 27.5]);
});

test('one frame at the least', () => {
  assert.is(scheduleOf({ ...PLAN, rate: 1, warmUpMs: 0, durationMs: 1_000 }).frames, 1);
});

test('ticks are numbered through, and what was sent is the sum over its symbols', () => {
  const names = Array.from({ length: 7 }, (_, number) => loadSymbol(number));
  const sent = new SentTally(7);
  const counts = new Map<string, number>();
  for (let frame = 0; frame < 20; frame++) {
    const ticks = loadFrame(frame, 10, names, 1_000);
    assert.equal(
      ticks.map((tick) => tick.volume),
      Array.from({ length: 10 }, (_, index) => frame * 10 + index),
    );
    for (const { symbol } of ticks) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
    sent.add(frame * 10, frame * 10 + 10);
  }
  assert.is(sent.all().count, 200);
  names.forEach((name, number) => assert.is(sent.of([number]).count, counts.get(name) ?? 0));
  assert.is.not(sent.of([0, 1]).fingerprint, sent.of([0, 2]).fingerprint);
});
