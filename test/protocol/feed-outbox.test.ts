import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { FeedOutbox, type OutboxFrame } from '../../src/protocol/feed-outbox.ts';
import { suite } from '../support/suite.ts';

const test = suite('feed outbox');
const KEEP = { graceMs: 1_000, graceBytes: 1_000 };
const WINDOW = 100;

const frame = (prev: number, seq: number, ticks = 1): OutboxFrame => ({ prev, seq, ticks, bytes: 10, skip: false });
const skip = (prev: number, seq: number): OutboxFrame => ({ prev, seq, ticks: 0, bytes: 0, skip: true });

function outboxOf(last: number, limits = KEEP): FeedOutbox<OutboxFrame> {
  const outbox = new FeedOutbox<OutboxFrame>(limits, skip);
  for (let seq = 1; seq <= last; seq++) outbox.add(frame(seq - 1, seq));
  return outbox;
}

/** What goes out now, as `prev-seq`, a skip with a mark. */
function sent(outbox: FeedOutbox<OutboxFrame>, windowFrames = WINDOW, windowTicks = WINDOW): string {
  const names: string[] = [];
  for (let next = outbox.takeNext(windowFrames, windowTicks); next; next = outbox.takeNext(windowFrames, windowTicks))
    names.push(`${next.skip ? 'skip ' : ''}${next.prev}-${next.seq}`);
  return names.join(', ');
}

test('frames continue one another', () => {
  const outbox = outboxOf(2);
  for (const wrong of [frame(1, 3), frame(3, 4), frame(2, 2), frame(2, 1)])
    assert.throws(
      () => outbox.add(wrong),
      (error: unknown) => error instanceof RangeError,
    );
  outbox.add(frame(2, 9));
  assert.is(outbox.last, 9);
});

test('a frame goes once for each opened position, in order', () => {
  const outbox = outboxOf(3);
  outbox.opened(0, 0, 0);
  assert.is(sent(outbox), '0-1, 1-2, 2-3');
  assert.is(sent(outbox), '');
  outbox.add(frame(3, 4));
  assert.is(sent(outbox), '3-4');
  outbox.opened(2, 0, 0);
  assert.is(sent(outbox), '2-3, 3-4');
});

test('the window counts frames and ticks that are not committed; one frame goes always', () => {
  const outbox = outboxOf(5);
  outbox.opened(0, 0, 0);
  assert.is(sent(outbox, 2), '0-1, 1-2');
  outbox.committedUpTo(1, 0);
  assert.is(sent(outbox, 2), '2-3');
  const large = new FeedOutbox<OutboxFrame>(KEEP, skip);
  for (let seq = 1; seq <= 3; seq++) large.add(frame(seq - 1, seq, 60));
  large.opened(0, 0, 0);
  assert.is(sent(large, WINDOW, 50), '0-1');
  large.committedUpTo(1, 0);
  assert.is(sent(large, WINDOW, 50), '1-2');
});

test('only committed frees; what is not committed goes again behind any position', () => {
  const outbox = outboxOf(4);
  outbox.opened(0, 0, 0);
  sent(outbox);
  outbox.committedUpTo(2, 0);
  assert.is(outbox.committed, 2);
  assert.is(outbox.uncommittedFrames, 2);
  assert.is(outbox.uncommittedBytes, 20);
  outbox.opened(2, 2, 0);
  assert.is(sent(outbox), '2-3, 3-4');
});

test('committed may run ahead of what was sent', () => {
  const outbox = outboxOf(4);
  outbox.opened(0, 0, 0);
  assert.is(sent(outbox, 1), '0-1');
  outbox.committedUpTo(3, 0);
  assert.is(sent(outbox), '3-4');
  assert.is(outbox.uncommittedFrames, 1);
});

test('a restored database: sent again from the grace', () => {
  const outbox = outboxOf(5);
  outbox.opened(0, 0, 0);
  sent(outbox);
  outbox.committedUpTo(5, 0);
  outbox.opened(2, 2, 500);
  assert.is(outbox.committed, 2);
  assert.is(sent(outbox), '2-3, 3-4, 4-5');
  assert.is(outbox.uncommittedFrames, 3);
});

test('a restored database: what the grace does not hold is declared', () => {
  const outbox = outboxOf(5, { graceMs: 100, graceBytes: 1_000 });
  outbox.opened(0, 0, 0);
  sent(outbox);
  outbox.committedUpTo(3, 0);
  outbox.committedUpTo(5, 200);
  outbox.opened(1, 1, 200);
  assert.is(sent(outbox), 'skip 1-3, 3-4, 4-5');
});

test('a restored database: nothing is held any more', () => {
  const outbox = outboxOf(5, { graceMs: 0, graceBytes: 0 });
  outbox.opened(0, 0, 0);
  sent(outbox);
  outbox.committedUpTo(5, 1);
  outbox.opened(2, 2, 2);
  assert.is(sent(outbox), 'skip 2-5');
  outbox.add(frame(5, 6));
  assert.is(sent(outbox), '5-6');
});

test('a skip is kept like a frame, and cut to what is still missing', () => {
  const outbox = outboxOf(5, { graceMs: 0, graceBytes: 0 });
  outbox.opened(0, 0, 0);
  sent(outbox);
  outbox.committedUpTo(4, 1);
  outbox.opened(1, 1, 1);
  assert.is(sent(outbox), 'skip 1-4, 4-5');
  outbox.opened(1, 1, 1);
  assert.is(sent(outbox), 'skip 1-4, 4-5', 'it was not committed: once more');
  outbox.opened(3, 3, 1);
  assert.is(sent(outbox), 'skip 3-4, 4-5', 'what came back holds a part of it');
  outbox.opened(0, 0, 1);
  assert.is(sent(outbox), 'skip 0-3, skip 3-4, 4-5');
  outbox.committedUpTo(5, 2);
  assert.is(outbox.uncommittedFrames, 0);
});

test('a position inside a frame is a conflict', () => {
  const outbox = new FeedOutbox<OutboxFrame>(KEEP, skip);
  outbox.add(frame(0, 10));
  assert.is(outbox.opened(5, 0, 0), 'conflict');
});

test('a position above everything: numbering goes on there', () => {
  const outbox = new FeedOutbox<OutboxFrame>(KEEP, skip);
  assert.is(outbox.opened(7, 5, 0), 'go-on');
  assert.is(outbox.last, 7);
  outbox.add(frame(7, 8));
  assert.is(sent(outbox), '7-8');
});

test('have is where the process began to number, whatever it is told later', () => {
  const outbox = new FeedOutbox<OutboxFrame>(KEEP, skip);
  assert.is(outbox.have, 0);
  outbox.opened(7, 0, 0);
  outbox.add(frame(7, 8));
  outbox.opened(8, 0, 0);
  assert.is(outbox.have, 7);
  outbox.opened(3, 3, 0);
  assert.is(outbox.have, 7);
});

test('a journal: its frames come back, and claim what they claimed', () => {
  const outbox = new FeedOutbox<OutboxFrame>(KEEP, skip);
  for (const each of [frame(4, 5), frame(5, 8), frame(8, 9)]) outbox.restore(each);
  outbox.committedUpTo(8, 0);
  assert.equal([outbox.last, outbox.have, outbox.uncommittedFrames], [9, 4, 1]);
  outbox.opened(8, 8, 0);
  assert.is(sent(outbox), '8-9');
  outbox.opened(2, 2, 0);
  assert.is(sent(outbox), 'skip 2-4, 4-5, 5-8, 8-9');
  assert.is(outbox.have, 4);
});

test('a journal whose machine died: frames are missing in its middle, and it can be used', () => {
  const outbox = new FeedOutbox<OutboxFrame>(KEEP, skip);
  for (const each of [frame(5, 6), frame(6, 7), frame(10, 11)]) outbox.restore(each);
  assert.is(outbox.last, 11);
  outbox.opened(10, 5, 0);
  assert.is(sent(outbox), '10-11');
  outbox.opened(7, 5, 0);
  assert.is(sent(outbox), 'skip 7-10, 10-11');
});

test('the grace is bounded in time and in bytes', () => {
  const byTime = outboxOf(10, { graceMs: 100, graceBytes: 1_000 });
  byTime.opened(0, 0, 0);
  sent(byTime);
  byTime.committedUpTo(4, 0);
  byTime.committedUpTo(8, 60);
  byTime.committedUpTo(8, 101);
  byTime.opened(0, 0, 101);
  assert.is(sent(byTime), 'skip 0-4, 4-5, 5-6, 6-7, 7-8, 8-9, 9-10');
  const byBytes = outboxOf(10, { graceMs: 1_000, graceBytes: 25 });
  byBytes.opened(0, 0, 0);
  sent(byBytes);
  byBytes.committedUpTo(10, 0);
  byBytes.opened(0, 0, 0);
  assert.is(sent(byBytes), 'skip 0-8, 8-9, 9-10');
});

test('what is not committed is never given up, however much it is', () => {
  const outbox = outboxOf(1_000, { graceMs: 0, graceBytes: 0 });
  outbox.opened(0, 0, 0);
  sent(outbox);
  outbox.committedUpTo(1, 1e9);
  assert.is([...outbox.uncommitted()].length, 999);
});

type Step =
  | { readonly kind: 'make'; readonly by: number }
  | { readonly kind: 'send'; readonly frames: number }
  | { readonly kind: 'commit'; readonly back: number }
  | { readonly kind: 'open'; readonly back: number; readonly isLoss: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('make' as const), by: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('send' as const), frames: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('commit' as const), back: fc.nat(5) }),
  fc.record({ kind: fc.constant('open' as const), back: fc.nat(8), isLoss: fc.boolean() }),
);

test('a gateway that loses what it will: everything arrives once, or is declared', () => {
  const limits = fc.record({ graceMs: fc.constantFrom(0, 30, 1_000), graceBytes: fc.constantFrom(0, 30, 1_000) });
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 60 }), (grace, steps) => {
      const outbox = new FeedOutbox<OutboxFrame>(grace, skip);
      const made: OutboxFrame[] = [];
      // What the gateway holds: frames that continue one another from 0; up to `committed` for good.
      let held: OutboxFrame[] = [];
      let committed = 0;
      let nowMs = 0;
      outbox.opened(0, 0, nowMs);
      for (const each of [
        ...steps,
        { kind: 'open', back: 0, isLoss: false } as const,
        { kind: 'send', frames: 1_000 } as const,
      ]) {
        nowMs += 10;
        const position = held.at(-1)?.seq ?? 0;
        if (each.kind === 'make') {
          const next = frame(outbox.last, outbox.last + each.by);
          outbox.add(next);
          made.push(next);
        } else if (each.kind === 'send') {
          for (let left = each.frames; left > 0; left--) {
            const next = outbox.takeNext(WINDOW, WINDOW);
            if (next === undefined) break;
            assert.is(next.prev, held.at(-1)?.seq ?? 0, 'what is sent continues what is held');
            held.push(next);
          }
        } else if (each.kind === 'commit') {
          committed = Math.max(committed, held.at(-1 - each.back)?.seq ?? 0);
          assert.is(outbox.committedUpTo(committed, nowMs), Math.max(committed, outbox.committed));
        } else {
          if (each.isLoss) held = held.slice(0, Math.max(0, held.length - each.back));
          committed = Math.min(committed, held.at(-1)?.seq ?? 0);
          assert.is(outbox.opened(held.at(-1)?.seq ?? 0, committed, nowMs), 'go-on');
        }
        assert.ok(outbox.last >= position);
        const open = [...outbox.uncommitted()];
        assert.is(outbox.uncommittedFrames, open.length);
        assert.is(
          outbox.uncommittedBytes,
          open.reduce((sum, kept) => sum + kept.bytes, 0),
        );
      }
      const gaps = held.filter((kept) => kept.skip);
      for (const each of made) {
        const isDeclared = gaps.some((gap) => gap.prev < each.seq && each.seq <= gap.seq);
        assert.is(held.includes(each), !isDeclared, `${each.prev}-${each.seq}`);
      }
      if (grace.graceMs === 1_000 && grace.graceBytes === 1_000)
        assert.is(gaps.length, 0, 'nothing is declared that is held');
    }),
    { numRuns: 2_000 },
  );
});
