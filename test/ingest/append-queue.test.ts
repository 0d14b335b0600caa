import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import { AppendQueue } from '../../src/ingest/append-queue.ts';
import type { AppendResult } from '../../src/stream/append-request.ts';
import { type EntryFrame, skipFrame } from '../../src/stream/stream-entry.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeClock } from '../support/fake-clock.ts';

const test = suite('append queue');

function frameOf(seq: number, rowBytes = 1, prev: number = seq - 1): EntryFrame {
  return { seq, prev, skip: false, count: 2, rows: Buffer.alloc(rowBytes), rejected: [] };
}

class QueueUnderTest {
  readonly clock = new FakeClock();
  readonly buffer: FakeBuffer;
  readonly queue: AppendQueue;
  /** Everything the queue has told, in order. */
  readonly told: unknown[] = [];

  constructor(result?: AppendResult) {
    this.buffer = new FakeBuffer(result);
    this.queue = new AppendQueue({
      feed: 'egx',
      session: 's',
      writer: 'w',
      live: true,
      buffer: this.buffer,
      clock: this.clock,
      onAppended: (seq, frames) => this.told.push(['appended', seq, frames.length]),
      onLost: (failure) => this.told.push(['lost', failure]),
      onHold: (isHeld) => this.told.push(['hold', isHeld]),
    });
  }

  async push(...frames: readonly EntryFrame[]): Promise<void> {
    for (const frame of frames) this.queue.push(frame);
    await nextTurn();
  }
}

test('frames of one turn go as one append, with their bounds and ticks', async () => {
  const { queue, buffer, clock } = new QueueUnderTest();
  queue.push(frameOf(3));
  queue.push(skipFrame(3, 9));
  queue.push(frameOf(10));
  assert.is(buffer.appends.length, 0, 'not before the turn is over');
  await nextTurn();
  const [append] = buffer.appends;
  assert.is(buffer.appends.length, 1);
  const { content, ...request } = append ?? {};
  assert.equal(request, { feed: 'egx', session: 's', writer: 'w', live: true, prev: 2, last: 10, ticks: 4 });
  assert.equal(
    content?.frames.map(({ prev, seq, skip }) => [prev, seq, skip]),
    [
      [2, 3, false],
      [3, 9, true],
      [9, 10, false],
    ],
  );
  assert.is(content?.acceptedAtMs, clock.now());
  assert.equal([content?.feed, content?.writer, content?.live], ['egx', 'w', true]);
});

test('one append at a time; frames that come meanwhile are the next one', async () => {
  const subject = new QueueUnderTest();
  const { buffer, told } = subject;
  await subject.push(frameOf(1));
  await subject.push(frameOf(2));
  await subject.push(frameOf(3));
  assert.is(buffer.appends.length, 1);
  await buffer.answer('appended');
  assert.is(buffer.appends.length, 2);
  assert.equal([buffer.appends[1]?.prev, buffer.appends[1]?.last], [1, 3]);
  await buffer.answer('repeat');
  assert.equal(told, [
    ['appended', 1, 1],
    ['appended', 3, 2],
  ]);
  await subject.push(frameOf(4));
  assert.is(buffer.appends.length, 3, 'it begins again after a rest');
});

test('an entry is bounded by frames and by bytes, and a large frame goes alone', async () => {
  const subject = new QueueUnderTest('appended');
  const { buffer } = subject;
  await subject.push(...Array.from({ length: 1_000 }, (_, at) => frameOf(at + 1)));
  assert.equal(
    buffer.appends.map(({ last }) => last),
    [440, 880, 1_000],
  );
  buffer.appends.length = 0;
  await subject.push(
    frameOf(1_001, 100_000),
    frameOf(1_002, 90_000),
    frameOf(1_003, 90_000),
    frameOf(1_004, 1_000_000),
  );
  assert.equal(
    buffer.appends.map(({ content }) => content.frames.length),
    [2, 1, 1],
  );
  buffer.appends.length = 0;
  const raw = Buffer.alloc(100_000);
  const rejected = [{ index: 0, reason: 'price_invalid', raw }] as const;
  await subject.push({ ...frameOf(1_005), rejected }, { ...frameOf(1_006), rejected });
  assert.is(buffer.appends.length, 2, 'rejected ticks count too');
});

for (const failure of ['lost-state', 'lost-chain', 'session', 'unanswered'] as const) {
  test(`${failure}: told once, and nothing more is sent`, async () => {
    const subject = new QueueUnderTest();
    await subject.push(frameOf(1));
    await subject.push(frameOf(2));
    await subject.buffer.answer(failure);
    await subject.push(frameOf(3));
    assert.equal(subject.told, [['lost', failure]]);
    assert.is(subject.buffer.appends.length, 1);
    await subject.queue.drained();
  });
}

for (const result of ['full', 'refused', 'unsent'] as const) {
  test(`${result}: the same frames again, later each time, until they are taken`, async () => {
    const subject = new QueueUnderTest();
    const { buffer, clock, told } = subject;
    await subject.push(frameOf(1));
    await subject.push(frameOf(2));
    const delays: number[] = [];
    for (let at = 0; at < 7; at++) {
      await buffer.answer(result);
      delays.push(...clock.waits);
      clock.advanceAtOnce(500);
      await nextTurn();
    }
    assert.equal(delays, [20, 40, 80, 160, 320, 500, 500]);
    assert.equal(told, [['hold', true]]);
    assert.ok(buffer.appends.every(({ prev, last }) => prev === 0 && last === 1));
    assert.is(buffer.appends.length, 8);
    await buffer.answer('appended');
    assert.equal(told, [
      ['hold', true],
      ['hold', false],
      ['appended', 1, 1],
    ]);
    assert.is(buffer.appends.at(-1)?.last, 2);
  });
}

test('a queue ended while it holds sends nothing more', async () => {
  const subject = new QueueUnderTest();
  await subject.push(frameOf(1));
  await subject.buffer.answer('full');
  subject.queue.end();
  subject.clock.advanceAtOnce(20);
  await subject.queue.drained();
  assert.is(subject.buffer.appends.length, 1);
});

test('what was answered after the end is not told', async () => {
  const subject = new QueueUnderTest();
  await subject.push(frameOf(1));
  await subject.push(frameOf(2));
  subject.queue.end();
  await subject.buffer.answer('appended');
  assert.equal(subject.told, []);
  assert.is(subject.buffer.appends.length, 1);
});

test('drained: at once when idle, else when everything is answered', async () => {
  const subject = new QueueUnderTest();
  await subject.queue.drained();
  await subject.push(frameOf(1));
  await subject.push(frameOf(2));
  let isDrained = false;
  const drained = subject.queue.drained().then(() => (isDrained = true));
  await subject.buffer.answer('appended');
  assert.not(isDrained);
  await subject.buffer.answer('appended');
  await drained;
});

test('drained: everyone who waits is told', async () => {
  const subject = new QueueUnderTest();
  await subject.push(frameOf(1));
  const done: string[] = [];
  const waits = ['drain', 'close'].map(async (name) => {
    await subject.queue.drained();
    done.push(name);
  });
  await subject.buffer.answer('appended');
  await nextTurn();
  assert.equal(done, ['drain', 'close']);
  await Promise.all(waits);
});
