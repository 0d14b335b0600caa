import { type Arbitrary, array, constantFrom, integer, sample, tuple } from 'fast-check';
import * as assert from 'uvu/assert';
import { FeedOutbox, type OutboxFrame } from '../../../src/protocol/feed-outbox.ts';
import { suite } from '../../support/suite.ts';
import { PythonProgram, requirePython } from './python-program.ts';

const test = suite('Python adapter: outbox', { timeoutMs: 200_000 });

const RUNS = 5_000;
const LIMITS = { graceMs: 2, graceBytes: 700 };

type Step =
  | readonly ['add', seq: number, prev: number, ticks: number]
  | readonly ['take', windowFrames: number, windowTicks: number]
  | readonly ['committed', seq: number, now: number]
  | readonly ['opened', accepted: number, committed: number, now: number];

const makeSkip = (to: number, next: number): OutboxFrame => ({ seq: next, prev: to, ticks: 0, bytes: 100, skip: true });
const shown = (frame: OutboxFrame): unknown => [frame.seq, frame.prev, frame.skip];

/** The same trace as outbox_trace.py makes, of the outbox that the gateway's own feed client uses. */
function trace(steps: readonly Step[]): unknown[] {
  const outbox = new FeedOutbox<OutboxFrame>(LIMITS, makeSkip);
  return steps.map((step) => {
    const result = apply(outbox, step);
    const kept = [...outbox.uncommitted()].map(shown);
    return [result, outbox.last, outbox.have, outbox.committed, outbox.uncommittedBytes, outbox.unsentFrames, kept];
  });
}

function apply(outbox: FeedOutbox<OutboxFrame>, step: Step): unknown {
  switch (step[0]) {
    case 'add':
      try {
        outbox.add({ seq: step[1], prev: step[2], ticks: step[3], bytes: 100 + step[3], skip: false });
        return null;
      } catch {
        return 'refused';
      }
    case 'take': {
      const frame = outbox.takeNext(step[1], step[2]);
      return frame === undefined ? null : shown(frame);
    }
    case 'committed':
      return outbox.committedUpTo(step[1], step[2]);
    case 'opened':
      return outbox.opened(step[1], step[2], step[3]);
  }
}

const small = (max: number): Arbitrary<number> => integer({ min: 0, max });

/** Mostly what a feed and a gateway do to each other, and now and then what they never should. */
const anySteps: Arbitrary<Step[]> = array(
  tuple(constantFrom('add', 'add', 'take', 'take', 'committed', 'opened'), small(9), small(9)),
  {
    maxLength: 40,
  },
).map((moves) => {
  let last = 0;
  return moves.map(([name, a, b], at): Step => {
    const seq = Math.max(0, last - a);
    switch (name) {
      case 'add': {
        const prev = b === 9 ? seq : last;
        if (b !== 9) last += 1 + (a % 2);
        return ['add', b === 9 ? seq : last, prev, b];
      }
      case 'take':
        return ['take', a, b];
      case 'committed':
        return ['committed', seq, at];
      default: {
        const accepted = b === 0 ? last + a : Math.max(0, last - a * (1 + (b % 3)));
        last = Math.max(last, accepted);
        return ['opened', accepted, Math.max(0, accepted - b), at];
      }
    }
  });
});

test('does in all histories what the gateway’s own feed client does', async (context) => {
  await using program = new PythonProgram(await requirePython(context), 'outbox_trace.py');
  const histories = sample(anySteps, { numRuns: RUNS, seed: 20_251_201 });
  for (const steps of histories) program.tell(JSON.stringify(steps));
  const traces = await program.end();
  assert.is(traces.length, RUNS);
  let conflicts = 0;
  let skips = 0;
  histories.forEach((steps, index) => {
    const expected = trace(steps);
    assert.equal(JSON.parse(traces[index] ?? ''), JSON.parse(JSON.stringify(expected)), JSON.stringify(steps));
    if (JSON.stringify(expected).includes('conflict')) conflicts += 1;
    if (JSON.stringify(expected).includes('true')) skips += 1;
  });
  assert.ok(conflicts > 50 && skips > 50, `the histories reach everything: ${conflicts} conflicts, ${skips} skips`);
});
