import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type SequenceStep, LiveSequence } from '../../../src/fanout/stream/live-sequence.ts';
import { NO_STREAM } from '../../../src/stream/stream-cursor.ts';
import { decodeLiveMessage } from '../../../src/stream/live-message.ts';
import { suite } from '../../support/suite.ts';
import { FakeStream } from '../fakes/fake-stream.ts';

const test = suite('LiveSequence');

/** Reads to the end, as the follower does. */
function readAll(sequence: LiveSequence, stream: FakeStream, asked: number): SequenceStep[] {
  const steps: SequenceStep[] = [];
  for (let pages = 0; pages < 1_000; pages++) {
    const { steps: more, next } = sequence.takePage(stream.page(sequence.id, asked), asked);
    steps.push(...more);
    if (next === 'end') return steps;
  }
  throw new Error('never at the end');
}

type Action =
  | { readonly do: 'append'; readonly isLive: boolean; readonly isHeard: boolean }
  | { readonly do: 'trim'; readonly at: number; readonly count: number }
  | { readonly do: 'wipe' }
  | { readonly do: 'interrupt' }
  | { readonly do: 'read' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('append' as const), isLive: fc.boolean(), isHeard: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trim' as const), at: fc.nat(9), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 3, arbitrary: fc.oneof(fc.constant({ do: 'wipe' } as const), fc.constant({ do: 'interrupt' } as const)) },
  { weight: 2, arbitrary: fc.constant({ do: 'read' } as const) },
);

test('whatever is missed, trimmed or wiped: entries in order, each once, and a gap for all that did not come', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (actions, asked) => {
      const stream = new FakeStream();
      const sequence = new LiveSequence();
      readAll(sequence, stream, asked);
      sequence.continuous();
      /** Live ids since the last gap or entry seen; a gap must come before the next entry when one is missing. */
      const liveIds: number[] = [];
      let lastSeen = 0;
      let isUp = true;
      const check = (steps: readonly SequenceStep[]): void => {
        let excused = false;
        for (const step of steps) {
          if (step.kind === 'gap') excused = true;
          if (step.kind !== 'entry') continue;
          const id = Number(step.entry.id.split('-')[0]);
          assert.ok(id > lastSeen, `${id} after ${lastSeen}`);
          const missing = liveIds.filter((each) => each > lastSeen && each < id);
          assert.ok(missing.length === 0 || excused, `${missing.join()} missing before ${id}`);
          lastSeen = id;
          excused = false;
        }
        const missing = liveIds.filter((each) => each > lastSeen);
        assert.ok(missing.length === 0 || excused, `${missing.join()} missing at the end`);
        if (excused) lastSeen = Math.max(lastSeen, ...liveIds);
      };
      for (const each of actions) {
        if (each.do === 'trim') stream.trim(each.at, each.count);
        else if (each.do === 'wipe') {
          // Connected, pub/sub brings everything before the wipe. And one thing cannot be known: a stream that was
          // born and died while nobody looked.
          if (isUp || sequence.cursor?.streamId === NO_STREAM) check(readAll(sequence, stream, asked));
          stream.wipe();
        } else if (each.do === 'interrupt') {
          if (isUp) sequence.interrupted();
          else {
            check(readAll(sequence, stream, asked));
            sequence.continuous();
          }
          isUp = !isUp;
        } else if (each.do === 'read') check(readAll(sequence, stream, asked));
        else if (each.do === 'append') {
          const bytes = stream.append([], { isLive: each.isLive });
          if (bytes === undefined) continue;
          liveIds.push(Number(bytes.toString('latin1').split('-')[0]));
          if (!each.isHeard || !isUp) continue;
          const taken = sequence.takeMessage(decodeLiveMessage(bytes));
          if (taken === 'gap') check(readAll(sequence, stream, asked));
          else if (taken !== 'known') check([{ kind: 'entry', entry: taken }]);
        }
      }
      sequence.interrupted();
      check(readAll(sequence, stream, asked));
    }),
    { numRuns: 2_000 },
  );
});

test('another run of Redis is a gap, even under the same stream', () => {
  const stream = new FakeStream();
  const sequence = new LiveSequence();
  stream.append();
  readAll(sequence, stream, 10);
  sequence.continuous();
  stream.run = 'b'.repeat(40);
  stream.append();
  assert.equal(
    readAll(sequence, stream, 10).map(({ kind }) => kind),
    ['gap', 'entry'],
  );
});

test('before there is a stream, nothing can be missed', () => {
  const stream = new FakeStream();
  const sequence = new LiveSequence();
  readAll(sequence, stream, 10);
  const resumed = new LiveSequence(sequence.cursor);
  stream.append();
  stream.append();
  assert.equal(
    readAll(resumed, stream, 10).map(({ kind }) => kind),
    ['entry', 'entry'],
  );
  const late = new LiveSequence(sequence.cursor);
  stream.trim(0, 1);
  assert.equal(
    readAll(late, stream, 10).map(({ kind }) => kind),
    ['gap', 'entry'],
  );
});

test('a gap names the time between what was seen and what comes next', () => {
  const stream = new FakeStream();
  const sequence = new LiveSequence();
  for (let at = 0; at < 5; at++) stream.append();
  sequence.takePage({ ...stream.page(undefined, 1), liveSeq: 1 }, 10);
  stream.trim(1, 2);
  const gap = readAll(sequence, stream, 10).find(({ kind }) => kind === 'gap');
  assert.equal(gap, { kind: 'gap', gap: { fromMs: 1, toMs: 4 } });
});

test('an entry that cannot be read is a gap, not an end', () => {
  const stream = new FakeStream();
  const sequence = new LiveSequence();
  stream.append();
  readAll(sequence, stream, 10);
  sequence.continuous();
  stream.append();
  stream.append();
  const broken = stream.entries[1];
  if (broken !== undefined) stream.entries[1] = { ...broken, data: Buffer.from([9, 9]) };
  assert.equal(
    readAll(sequence, stream, 10).map(({ kind }) => kind),
    ['gap', 'entry'],
  );
});
