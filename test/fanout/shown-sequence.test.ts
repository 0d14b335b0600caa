import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { TailEntry, TailPage } from '../../src/fanout/fanout-ports.ts';
import { type SequenceStep, ShownSequence } from '../../src/fanout/shown-sequence.ts';
import { NO_STREAM } from '../../src/fanout/stream-place.ts';
import { decodeLiveMessage } from '../../src/protocol/live-message.ts';
import { suite } from '../support/suite.ts';
import { entryBytes } from './entries.ts';

const test = suite('the sequence of shown entries');

interface StreamState {
  run: string;
  incarnation: string | undefined;
  entries: TailEntry[];
  shown: number;
}

/** The stream as the append script keeps it, and every message it publishes. */
class StreamModel {
  state: StreamState = { run: 'a'.repeat(40), incarnation: undefined, entries: [], shown: 0 };
  #clock = 0;
  #marks = 0;

  append(isShown: boolean): Buffer | undefined {
    const { state } = this;
    if (state.incarnation === undefined) {
      this.#marks += 1;
      Object.assign(state, { incarnation: `mark${this.#marks}`, entries: [], shown: 0 });
    }
    const id = `${++this.#clock}-0`;
    const data = entryBytes(this.#clock);
    if (isShown) state.shown += 1;
    state.entries.push({ id, data, published: 0, shown: isShown ? state.shown : 0 });
    if (!isShown) return undefined;
    return Buffer.concat([Buffer.from(`${id} 0 ${state.shown} ${state.incarnation ?? ''}\n`), data]);
  }

  wipe(): void {
    Object.assign(this.state, { incarnation: undefined, entries: [], shown: 0 });
  }

  /** Entries trimmed: from the front, or one out of the middle. */
  trim(at: number, count: number): void {
    this.state.entries.splice(at % (this.state.entries.length + 1), count);
  }

  read(after: string | undefined, maxEntries: number): TailPage {
    const from = Number((after ?? '0-0').split('-')[0]);
    const { run, incarnation, entries, shown } = this.state;
    return {
      run,
      incarnation,
      shown: incarnation === undefined ? 0 : shown,
      entries: entries.filter(({ id }) => Number(id.split('-')[0]) > from).slice(0, maxEntries),
    };
  }
}

/** Reads to the end, as the follower does. */
function readAll(sequence: ShownSequence, model: StreamModel, asked: number): SequenceStep[] {
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
      const sequence = new ShownSequence();
      readAll(sequence, model, asked);
      sequence.continuous();
      /** Ids shown since the last hole or entry seen; a hole must come before the next entry when one is missing. */
      const shownIds: number[] = [];
      let lastSeen = 0;
      let isUp = true;
      const judge = (steps: readonly SequenceStep[]): void => {
        let excused = false;
        for (const step of steps) {
          if (step.kind === 'hole') excused = true;
          if (step.kind !== 'entry') continue;
          const id = Number(step.entry.id.split('-')[0]);
          assert.ok(id > lastSeen, `${id} after ${lastSeen}`);
          const missing = shownIds.filter((each) => each > lastSeen && each < id);
          assert.ok(missing.length === 0 || excused, `${missing.join()} missing before ${id}`);
          lastSeen = id;
          excused = false;
        }
        const missing = shownIds.filter((each) => each > lastSeen);
        assert.ok(missing.length === 0 || excused, `${missing.join()} missing at the end`);
        if (excused) lastSeen = Math.max(lastSeen, ...shownIds);
      };
      for (const each of actions) {
        if (each.do === 'trim') model.trim(each.at, each.count);
        else if (each.do === 'wipe') {
          // Connected, pub/sub brings everything before the wipe. And one thing cannot be known: a stream that was
          // born and died while nobody looked.
          if (isUp || sequence.place?.incarnation === NO_STREAM) judge(readAll(sequence, model, asked));
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
          shownIds.push(Number(bytes.toString('latin1').split('-')[0]));
          if (!each.isHeard || !isUp) continue;
          const taken = sequence.takeMessage(decodeLiveMessage(bytes));
          if (taken === 'hole') judge(readAll(sequence, model, asked));
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
  const sequence = new ShownSequence();
  model.append(true);
  readAll(sequence, model, 10);
  sequence.continuous();
  model.state.run = 'b'.repeat(40);
  model.append(true);
  assert.equal(
    readAll(sequence, model, 10).map(({ kind }) => kind),
    ['hole', 'entry'],
  );
});

test('before there is a stream, nothing can be missed', () => {
  const model = new StreamModel();
  const sequence = new ShownSequence();
  readAll(sequence, model, 10);
  const resumed = new ShownSequence(sequence.place);
  model.append(true);
  model.append(true);
  assert.equal(
    readAll(resumed, model, 10).map(({ kind }) => kind),
    ['entry', 'entry'],
  );
  const late = new ShownSequence(sequence.place);
  model.trim(0, 1);
  assert.equal(
    readAll(late, model, 10).map(({ kind }) => kind),
    ['hole', 'entry'],
  );
});

test('a hole names the time between what was seen and what comes next', () => {
  const model = new StreamModel();
  const sequence = new ShownSequence();
  for (let at = 0; at < 5; at++) model.append(true);
  sequence.takePage({ ...model.read(undefined, 1), shown: 1 }, 10);
  model.trim(1, 2);
  const hole = readAll(sequence, model, 10).find(({ kind }) => kind === 'hole');
  assert.equal(hole, { kind: 'hole', hole: { fromMs: 1, toMs: 4 } });
});

test('an entry that cannot be read is a hole, not an end', () => {
  const model = new StreamModel();
  const sequence = new ShownSequence();
  model.append(true);
  readAll(sequence, model, 10);
  sequence.continuous();
  model.append(true);
  model.append(true);
  const broken = model.state.entries[1];
  if (broken !== undefined) model.state.entries[1] = { ...broken, data: Buffer.from([9, 9]) };
  assert.equal(
    readAll(sequence, model, 10).map(({ kind }) => kind),
    ['hole', 'entry'],
  );
});
