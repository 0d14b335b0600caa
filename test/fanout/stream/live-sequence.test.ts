import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { TailEntry, TailPage } from '../../../src/stream/stream-tail.ts';
import { type SequenceStep, LiveSequence } from '../../../src/fanout/stream/live-sequence.ts';
import { NO_STREAM } from '../../../src/stream/stream-cursor.ts';
import { decodeLiveMessage } from '../../../src/stream/live-message.ts';
import { suite } from '../../support/suite.ts';
import { entryBytes } from '../entries.ts';

const test = suite('the sequence of shown entries');

interface StreamState {
  run: string;
  streamId: string | undefined;
  entries: TailEntry[];
  liveSeq: number;
}

/** The stream as the append script keeps it, and every message it publishes. */
class StreamModel {
  state: StreamState = { run: 'a'.repeat(40), streamId: undefined, entries: [], liveSeq: 0 };
  #clock = 0;
  #marks = 0;

  append(isShown: boolean): Buffer | undefined {
    const { state } = this;
    if (state.streamId === undefined) {
      this.#marks += 1;
      Object.assign(state, { streamId: `mark${this.#marks}`, entries: [], liveSeq: 0 });
    }
    const id = `${++this.#clock}-0`;
    const data = entryBytes(this.#clock);
    if (isShown) state.liveSeq += 1;
    state.entries.push({ id, data, shownUpTo: 0, liveSeq: isShown ? state.liveSeq : 0 });
    if (!isShown) return undefined;
    return Buffer.concat([Buffer.from(`${id} 0 ${state.liveSeq} ${state.streamId ?? ''}\n`), data]);
  }

  wipe(): void {
    Object.assign(this.state, { streamId: undefined, entries: [], liveSeq: 0 });
  }

  /** Entries trimmed: from the front, or one out of the middle. */
  trim(at: number, count: number): void {
    this.state.entries.splice(at % (this.state.entries.length + 1), count);
  }

  read(after: string | undefined, maxEntries: number): TailPage {
    const from = Number((after ?? '0-0').split('-')[0]);
    const { run, streamId, entries, liveSeq } = this.state;
    return {
      run,
      streamId,
      liveSeq: streamId === undefined ? 0 : liveSeq,
      entries: entries.filter(({ id }) => Number(id.split('-')[0]) > from).slice(0, maxEntries),
    };
  }
}

/** Reads to the end, as the follower does. */
function readAll(sequence: LiveSequence, model: StreamModel, asked: number): SequenceStep[] {
  const steps: SequenceStep[] = [];
  for (let pages = 0; pages < 1_000; pages++) {
    const { steps: more, next } = sequence.takePage(model.read(sequence.id, asked), asked);
    steps.push(...more);
    if (next === 'end') return steps;
  }
  throw new Error('never at the end');
}

type Action =
  | { readonly do: 'append'; readonly isShown: boolean; readonly isHeard: boolean }
  | { readonly do: 'trim'; readonly at: number; readonly count: number }
  | { readonly do: 'wipe' }
  | { readonly do: 'interrupt' }
  | { readonly do: 'read' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('append' as const), isShown: fc.boolean(), isHeard: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trim' as const), at: fc.nat(9), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 3, arbitrary: fc.oneof(fc.constant({ do: 'wipe' } as const), fc.constant({ do: 'interrupt' } as const)) },
  { weight: 2, arbitrary: fc.constant({ do: 'read' } as const) },
);

test('whatever is missed, trimmed or wiped: entries in order, each once, and a hole for all that did not come', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (actions, asked) => {
      const model = new StreamModel();
      const sequence = new LiveSequence();
      readAll(sequence, model, asked);
      sequence.continuous();
      /** Ids shown since the last hole or entry seen; a hole must come before the next entry when one is missing. */
      const liveIds: number[] = [];
      let lastSeen = 0;
      let isUp = true;
      const judge = (steps: readonly SequenceStep[]): void => {
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
        if (each.do === 'trim') model.trim(each.at, each.count);
        else if (each.do === 'wipe') {
          // Connected, pub/sub brings everything before the wipe. And one thing cannot be known: a stream that was
          // born and died while nobody looked.
          if (isUp || sequence.cursor?.streamId === NO_STREAM) judge(readAll(sequence, model, asked));
          model.wipe();
        } else if (each.do === 'interrupt') {
          if (isUp) sequence.interrupted();
          else {
            judge(readAll(sequence, model, asked));
            sequence.continuous();
          }
          isUp = !isUp;
        } else if (each.do === 'read') judge(readAll(sequence, model, asked));
        else if (each.do === 'append') {
          const bytes = model.append(each.isShown);
          if (bytes === undefined) continue;
          liveIds.push(Number(bytes.toString('latin1').split('-')[0]));
          if (!each.isHeard || !isUp) continue;
          const taken = sequence.takeMessage(decodeLiveMessage(bytes));
          if (taken === 'gap') judge(readAll(sequence, model, asked));
          else if (taken !== 'known') judge([{ kind: 'entry', entry: taken }]);
        }
      }
      sequence.interrupted();
      judge(readAll(sequence, model, asked));
    }),
    { numRuns: 2_000 },
  );
});

test('another run of Redis is a hole, even under the same stream', () => {
  const model = new StreamModel();
  const sequence = new LiveSequence();
  model.append(true);
  readAll(sequence, model, 10);
  sequence.continuous();
  model.state.run = 'b'.repeat(40);
  model.append(true);
  assert.equal(
    readAll(sequence, model, 10).map(({ kind }) => kind),
    ['gap', 'entry'],
  );
});

test('before there is a stream, nothing can be missed', () => {
  const model = new StreamModel();
  const sequence = new LiveSequence();
  readAll(sequence, model, 10);
  const resumed = new LiveSequence(sequence.cursor);
  model.append(true);
  model.append(true);
  assert.equal(
    readAll(resumed, model, 10).map(({ kind }) => kind),
    ['entry', 'entry'],
  );
  const late = new LiveSequence(sequence.cursor);
  model.trim(0, 1);
  assert.equal(
    readAll(late, model, 10).map(({ kind }) => kind),
    ['gap', 'entry'],
  );
});

test('a hole names the time between what was seen and what comes next', () => {
  const model = new StreamModel();
  const sequence = new LiveSequence();
  for (let at = 0; at < 5; at++) model.append(true);
  sequence.takePage({ ...model.read(undefined, 1), liveSeq: 1 }, 10);
  model.trim(1, 2);
  const gap = readAll(sequence, model, 10).find(({ kind }) => kind === 'gap');
  assert.equal(gap, { kind: 'gap', gap: { fromMs: 1, toMs: 4 } });
});

test('an entry that cannot be read is a hole, not an end', () => {
  const model = new StreamModel();
  const sequence = new LiveSequence();
  model.append(true);
  readAll(sequence, model, 10);
  sequence.continuous();
  model.append(true);
  model.append(true);
  const broken = model.state.entries[1];
  if (broken !== undefined) model.state.entries[1] = { ...broken, data: Buffer.from([9, 9]) };
  assert.equal(
    readAll(sequence, model, 10).map(({ kind }) => kind),
    ['gap', 'entry'],
  );
});
