import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { RetainedEntries } from '../../src/flush/retained-entries.ts';
import { suite } from '../support/suite.ts';

const test = suite('retained entries');
const WINDOW = { windowMs: 100, windowBytes: 1_000 };
const entry = (id: string) => ({ id, feed: 'f', generation: 'G' });

test('an entry is due when its time is over, not before', () => {
  const retained = new RetainedEntries(WINDOW);
  retained.committed('1-0', 10, 0);
  retained.committed('2-0', 10, 50);
  assert.equal(retained.takeDue(99), []);
  assert.equal(retained.takeDue(100), ['1-0']);
  assert.equal(retained.takeDue(149), []);
  assert.equal(retained.takeDue(150), ['2-0']);
  assert.equal(retained.takeDue(1_000), []);
});

test('beyond its bytes the oldest go', () => {
  const retained = new RetainedEntries(WINDOW);
  for (let at = 1; at <= 12; at++) retained.committed(`${at}-0`, 100, 0);
  assert.equal(retained.takeDue(0), ['1-0', '2-0']);
  retained.committed('13-0', 5_000, 0);
  assert.is(retained.takeDue(0).length, 11, 'all of them, and the large one too');
});

test('no window: all are due at once', () => {
  const retained = new RetainedEntries({ windowMs: 0, windowBytes: 0 });
  retained.committed('1-0', 10, 7);
  assert.equal(retained.takeDue(7), ['1-0']);
});

test('their number is bounded, however small they are', () => {
  const retained = new RetainedEntries({ windowMs: 1e12, windowBytes: 1e12 });
  for (let at = 0; at < 600_000; at++) retained.committed(`${at}-0`, 0, 0);
  const due = retained.takeDue(0);
  assert.is(due.length, 100_000);
  assert.is(due[0], '0-0');
  assert.is(due.at(-1), '99999-0');
});

test('a stale entry stays until it is gone, or committed after all', () => {
  const retained = new RetainedEntries(WINDOW);
  for (const id of ['1-0', '2-0', '3-0']) retained.stale(entry(id));
  retained.stale(entry('2-0'));
  assert.equal(
    retained.staleRound().map((each) => each.id),
    ['1-0', '2-0', '3-0'],
  );
  retained.gone(['2-0', '9-0']);
  retained.committed('3-0', 10, 0);
  assert.equal(retained.staleRound(), [entry('1-0')]);
});

test('one round asks for a bounded number', () => {
  const retained = new RetainedEntries(WINDOW);
  for (let at = 0; at < 5_000; at++) retained.stale(entry(`${at}-0`));
  const round = retained.staleRound();
  assert.is(round.length, 2_000);
  retained.gone(round.map((each) => each.id));
  assert.is(retained.staleRound()[0]?.id, '2000-0');
});

test('another stream: nothing is remembered', () => {
  const retained = new RetainedEntries(WINDOW);
  retained.committed('1-0', 900, 0);
  retained.stale(entry('2-0'));
  retained.clear();
  assert.equal(retained.staleRound(), []);
  assert.equal(retained.takeDue(1e9), []);
  retained.committed('1-0', 900, 0);
  assert.equal(retained.takeDue(0), [], 'its bytes were forgotten with it');
});

test('each entry is due once, in order, and never too late', () => {
  const step = fc.record({ waitMs: fc.nat(60), bytes: fc.nat(400), count: fc.nat(5), takes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const retained = new RetainedEntries(WINDOW);
      const kept: Array<{ id: string; bytes: number; atMs: number }> = [];
      let nowMs = 0;
      let next = 0;
      for (const { waitMs, bytes, count, takes } of steps) {
        nowMs += waitMs;
        for (let left = count; left > 0; left--) {
          kept.push({ id: `${next}-0`, bytes, atMs: nowMs });
          retained.committed(`${next++}-0`, bytes, nowMs);
        }
        if (!takes) continue;
        const due = retained.takeDue(nowMs);
        assert.equal(
          due,
          kept.splice(0, due.length).map((each) => each.id),
        );
        const total = kept.reduce((sum, each) => sum + each.bytes, 0);
        assert.ok(total <= WINDOW.windowBytes);
        assert.ok(kept.every((each) => nowMs - each.atMs < WINDOW.windowMs));
      }
    }),
    { numRuns: 1_000 },
  );
});
