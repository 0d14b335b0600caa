import * as assert from 'uvu/assert';
import type { FlushResult } from '../../src/flush/coordinator-ports.ts';
import { FlushCycle } from '../../src/flush/flush-cycle.ts';
import { FlushSession } from '../../src/flush/flush-session.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeDatabase } from './fake-database.ts';
import { frameOf } from './tick-frames.ts';

const test = suite('flush cycle');
const tick = { symbol: 'COMI', price: 1, volume: 1, timeMicros: 1_764_576_000_000_000 };
const WINDOW_MS = 1_000;

class Stage {
  readonly buffer = new FakeBuffer();
  readonly database = new FakeDatabase();
  readonly clock = new FakeClock();
  readonly session: FlushSession;
  readonly cycle: FlushCycle;

  constructor(maxTicks = 400, windowMs = 0) {
    this.database.watermarks.set('f', { seq: 0, generation: 'G' });
    this.session = new FlushSession(this.database.connect(), this.database.store, this.clock);
    this.cycle = new FlushCycle(this.buffer, this.database.store, {
      flushIntervalMs: 1_000,
      limits: { maxTicks, maxDays: 10 },
      resumeWindow: { windowMs, windowBytes: 1e9 },
      clock: this.clock,
    });
  }

  /** Appends entries of one frame and one tick each, `from` + 1 to `to`. */
  append(from: number, to: number, feed = 'f', generation = 'G'): void {
    for (let seq = from + 1; seq <= to; seq++)
      this.buffer.append([frameOf(seq - 1, seq, [tick])], { feed, generation });
  }

  flush(prefetch = false): Promise<FlushResult> {
    return this.cycle.flushOnce(this.session, prefetch);
  }

  /** Kinds of the next results, to `nothing-new` or until there are many. */
  async flushAll(prefetch = false): Promise<string[]> {
    const kinds: string[] = [];
    while (kinds.length < 50 && kinds.at(-1) !== 'nothing-new') kinds.push((await this.flush(prefetch)).kind);
    return kinds;
  }
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('flushed: watermarks moved, the feeds told, the stream trimmed and counted', async () => {
  const stage = new Stage();
  stage.append(0, 3);
  const result = await stage.flush();
  assert.is(result.kind, 'flushed');
  assert.is(result.atEnd, true);
  if (result.kind !== 'flushed') return;
  const { rows, rejected, passed, committedAtMs } = result.report;
  assert.equal([rows, rejected, passed.length, committedAtMs], [3, 0, 3, stage.clock.now()]);
  assert.equal(stage.database.committed, ['f 0>3']);
  const [notice] = stage.buffer.notices;
  assert.equal(notice?.feeds, [{ feed: 'f', generation: 'G', seq: 3 }]);
  assert.equal([notice?.rows, notice?.bars.length], [3, 1]);
  assert.equal([stage.buffer.handled, stage.buffer.entries.length], [3, 0]);
});

test('nothing new: nothing is written and nobody is told', async () => {
  const stage = new Stage();
  assert.equal(await stage.flush(), { kind: 'nothing-new', atEnd: true });
  assert.equal([stage.database.statements, stage.buffer.notices, stage.buffer.trims], [[], [], []]);
});

test('passed: repeats and stale entries are stepped over without a transaction', async () => {
  const stage = new Stage();
  stage.database.watermarks.set('f', { seq: 2, generation: 'G' });
  stage.append(0, 2);
  stage.append(0, 1, 'f', 'older');
  assert.equal(await stage.flush(), { kind: 'passed', atEnd: true });
  assert.equal(stage.database.statements, []);
  assert.is((await stage.flush()).kind, 'nothing-new');
});

test('outdated: a watermark that moved meanwhile is read again, and only what is missing is stored', async () => {
  const stage = new Stage();
  stage.append(0, 1);
  await stage.flush();
  stage.append(1, 4);
  stage.database.watermarks.set('f', { seq: 3, generation: 'G' });
  assert.equal(await stage.flush(), { kind: 'outdated', atEnd: true });
  assert.equal(stage.database.committed, ['f 0>1']);
  assert.is((await stage.flush()).kind, 'flushed');
  assert.equal(stage.database.committed, ['f 0>1', 'f 3>4']);
});

test('outdated: another stream is read from its start', async () => {
  const stage = new Stage();
  stage.append(0, 2);
  await stage.flush();
  stage.buffer.streamId = 'stream-2';
  assert.equal(await stage.flush(), { kind: 'outdated', atEnd: false });
  stage.append(2, 3);
  assert.is((await stage.flush()).kind, 'flushed');
  assert.is(stage.buffer.trims.at(-1)?.streamId, 'stream-2');
});

test('lost leadership: another session is in its transaction, nothing is written', async () => {
  const stage = new Stage();
  stage.append(0, 2);
  stage.database.lockHolder = 99;
  assert.equal(await stage.flush(), { kind: 'lost-leadership', atEnd: true });
  assert.equal([stage.database.committed, stage.buffer.notices], [[], []]);
  stage.database.lockHolder = undefined;
  assert.is((await stage.flush()).kind, 'flushed');
});

test('batches are bounded, and the end is not reached while entries wait', async () => {
  const stage = new Stage(40);
  stage.append(0, 30);
  const first = await stage.flush();
  assert.equal([first.kind, first.atEnd], ['flushed', false]);
  assert.equal(stage.database.committed, ['f 0>10'], 'a quarter of an ordinary batch');
});

test('batches grow threefold while behind, to three times the ordinary one, and shrink by halves', async () => {
  const stage = new Stage(40);
  stage.append(0, 700);
  for (let flushes = 0; flushes < 5; flushes++) await stage.flush();
  const sizes = (): number[] =>
    stage.database.committed.map((move) => {
      const [from = 0, to = 0] = (move.split(' ')[1] ?? '').split('>').map(Number);
      return to - from;
    });
  assert.equal(sizes(), [10, 30, 90, 120, 120]);
  stage.cycle.shrink();
  await stage.flush();
  assert.is(sizes().at(-1), 60);
  for (let halvings = 0; halvings < 20; halvings++) stage.cycle.shrink();
  await stage.flush();
  assert.is(sizes().at(-1), 1, 'at least one frame');
  await stage.flush();
  assert.is(sizes().at(-1), 3, 'and grow again');
});

test('prefetch: the next batch is read while this one is copied, on what this one will have stored', async () => {
  const stage = new Stage(40);
  stage.append(0, 30);
  await stage.flush(true);
  assert.is(stage.cycle.hasPrefetched, true);
  await settle();
  const reads = stage.buffer.reads.length;
  const rowsRead = stage.database.readRowsCalls.length;
  await stage.flush(false);
  assert.equal([stage.buffer.reads.length, stage.database.readRowsCalls.length], [reads, rowsRead]);
  assert.equal([stage.database.committed, stage.cycle.hasPrefetched], [['f 0>10', 'f 10>30'], false]);
});

test('no prefetch at the end of the stream, nor where it is not wanted', async () => {
  const stage = new Stage(40);
  stage.append(0, 30);
  await stage.flush(false);
  assert.is(stage.cycle.hasPrefetched, false);
  await stage.flush(true);
  assert.is(stage.cycle.hasPrefetched, false);
});

for (const statement of ['COPY', 'tickgate_flush_advance', 'COMMIT']) {
  test(`${statement} fails: the prefetched batch is thrown away, and the same ticks are stored next`, async () => {
    const stage = new Stage(40);
    stage.append(0, 60);
    await stage.flush(true);
    await settle();
    stage.database.onQuery = (text) => {
      if (text === statement) throw new Error('connection lost');
    };
    assert.instance(await failureOf(stage.flush(true)), Error);
    stage.database.onQuery = () => undefined;
    await stage.cycle.discard();
    assert.is(stage.cycle.hasPrefetched, false);
    const kinds = await stage.flushAll(true);
    assert.equal([stage.database.watermarks.get('f')?.seq, kinds.at(-1)], [60, 'nothing-new']);
    assert.equal(stage.database.committed, ['f 0>10', 'f 10>40', 'f 40>60']);
  });
}

test('a commit that was hidden by an error is found: its ticks are repeats', async () => {
  const stage = new Stage();
  stage.append(0, 3);
  stage.database.onQuery = (text) => {
    if (text !== 'COMMIT') return;
    stage.database.watermarks.set('f', { seq: 3, generation: 'G' });
    throw new Error('connection lost');
  };
  assert.instance(await failureOf(stage.flush()), Error);
  stage.database.onQuery = () => undefined;
  await stage.cycle.discard();
  assert.equal(await stage.flushAll(), ['passed', 'nothing-new']);
  assert.equal(stage.database.committed, [], 'nothing a second time');
});

test('a prefetch that failed fails the next flush, not this one', async () => {
  const stage = new Stage(40);
  stage.append(0, 30);
  let reads = 0;
  stage.buffer.onCall = (call) => {
    if (call === 'read' && ++reads === 2) throw new Error('no answer');
  };
  assert.is((await stage.flush(true)).kind, 'flushed');
  assert.instance(await failureOf(stage.flush(true)), Error);
  assert.is((await stage.flush(true)).kind, 'flushed');
  assert.is(stage.database.watermarks.get('f')?.seq, 30);
});

test('watermarks are read once, and again for a generation that is not known', async () => {
  const stage = new Stage();
  stage.append(0, 1);
  await stage.flush();
  stage.append(1, 2);
  await stage.flush();
  assert.equal(stage.database.readRowsCalls, [['f']]);
  stage.database.watermarks.set('f', { seq: 2, generation: 'H' });
  stage.append(2, 3, 'f', 'H');
  stage.append(0, 1, 'g', 'K');
  assert.is((await stage.flush()).kind, 'flushed');
  assert.equal(stage.database.readRowsCalls, [['f'], ['f', 'g']]);
  assert.equal(stage.database.committed, ['f 0>1', 'f 1>2', 'f 2>3']);
});

test('a watermark of another generation than the state came back from a backup: nothing is built on it', async () => {
  const stage = new Stage();
  stage.buffer.states.set('f', { run: 'run-1', generation: 'H', position: 9 });
  stage.append(0, 2);
  assert.equal(await stage.flushAll(), ['passed', 'nothing-new']);
  assert.equal(stage.database.committed, []);
});

test('a feed without a state, or of the same generation, is stored', async () => {
  const stage = new Stage();
  stage.database.watermarks.set('g', { seq: 0, generation: 'G' });
  stage.buffer.states.set('g', { run: 'run-1', generation: 'G', position: 2 });
  stage.append(0, 2);
  stage.append(0, 2, 'g');
  assert.is((await stage.flush()).kind, 'flushed');
  assert.equal(stage.database.committed.sort(), ['f 0>2', 'g 0>2']);
});

test('trim: committed entries when their window is over, stale ones as soon as the script lets them go', async () => {
  const stage = new Stage(400, WINDOW_MS);
  stage.append(0, 1, 'f', 'older');
  stage.append(0, 2);
  await stage.flush();
  const [first] = stage.buffer.trims;
  assert.equal(first?.committed, []);
  assert.equal(
    first?.stale.map(({ id, feed, generation }) => [id, feed, generation]),
    [['1-0', 'f', 'older']],
  );
  assert.is(first?.handled, 3);
  stage.buffer.states.set('f', { run: 'run-1', generation: 'G', position: 2 });
  await stage.clock.advance(WINDOW_MS);
  stage.append(2, 3);
  await stage.flush();
  assert.equal(stage.buffer.trims.at(-1)?.committed, ['2-0', '3-0']);
  stage.append(3, 4);
  await stage.flush();
  assert.equal(stage.buffer.trims.at(-1)?.stale, [], 'gone with the trim before');
  assert.equal(
    stage.buffer.entries.map(({ id }) => id),
    ['4-0', '5-0'],
  );
});

test('a trim that failed is made up for by the next one', async () => {
  const stage = new Stage();
  stage.append(0, 2);
  stage.buffer.failing = 'trim';
  assert.instance(await failureOf(stage.flush()), Error);
  stage.buffer.failing = undefined;
  await stage.cycle.discard();
  assert.is((await stage.flush()).kind, 'nothing-new', 'they are committed all the same');
  stage.append(2, 3);
  await stage.flush();
  assert.equal(stage.buffer.trims.at(-1)?.committed, ['1-0', '2-0', '3-0']);
  assert.equal(stage.buffer.entries, []);
});

test('an announcement that fails does no harm', async () => {
  const stage = new Stage();
  stage.append(0, 2);
  stage.buffer.failing = 'publishFlush';
  assert.is((await stage.flush()).kind, 'flushed');
  assert.equal([stage.database.committed, stage.buffer.entries], [['f 0>2'], []]);
});

test('another stream: entries of the one before are not trimmed in it', async () => {
  const stage = new Stage(400, WINDOW_MS);
  stage.append(0, 2);
  await stage.flush();
  stage.buffer.streamId = 'stream-2';
  stage.buffer.entries = [];
  await stage.clock.advance(WINDOW_MS);
  stage.append(2, 3);
  await stage.flushAll();
  assert.equal(stage.buffer.trims.at(-1)?.committed, []);
});

test('startOver: the stream from its start, and the watermarks read again', async () => {
  const stage = new Stage(400, WINDOW_MS);
  stage.append(0, 2);
  await stage.flush();
  await stage.cycle.startOver();
  assert.equal(await stage.flushAll(), ['passed', 'nothing-new']);
  assert.is(stage.buffer.reads.filter(({ cursor }) => cursor === undefined).length, 2);
  assert.is(stage.database.readRowsCalls.length, 2);
});
