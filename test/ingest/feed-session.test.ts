import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import { FeedSession } from '../../src/ingest/feed-session.ts';
import type { SessionEnd } from '../../src/ingest/session-rules.ts';
import type { CheckedTicks } from '../../src/market/tick-check.ts';
import type { FeedReply } from '../../src/protocol/reply-codec.ts';
import type { AppendResult } from '../../src/stream/append-request.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeObserver } from './fake-observer.ts';

const test = suite('feed session');

const NO_TICKS: CheckedTicks = { rows: Buffer.of(0x90), count: 0, rejected: [] };

/** A session opened at seq 10, of which 7 are committed, with a window of 4 frames and 100 ticks. */
class SessionUnderTest {
  readonly clock = new FakeClock();
  readonly observer = new FakeObserver();
  readonly buffer: FakeBuffer;
  readonly replies: FeedReply[] = [];
  readonly ends: SessionEnd[] = [];
  isReading = true;
  readonly session: FeedSession;

  constructor(result?: AppendResult) {
    this.buffer = new FakeBuffer(result);
    this.session = new FeedSession({
      feed: 'egx',
      session: 's',
      instance: 'w',
      live: true,
      generation: 'g',
      accepted: 10,
      committed: 7,
      limits: { windowFrames: 4, windowTicks: 100 },
      buffer: this.buffer,
      observer: this.observer,
      clock: this.clock,
      peer: {
        reply: (...replies) => void this.replies.push(...replies),
        setReading: (isReading) => (this.isReading = isReading),
      },
      onEnd: (end) => this.ends.push(end),
    });
  }

  /** Frames of these seqs, each continuing the one before. */
  async publish(...seqs: readonly number[]): Promise<void> {
    for (const seq of seqs) this.session.publish(seq, seq - 1, NO_TICKS);
    await nextTurn();
  }
}

const state = { run: 'r', generation: 'g', position: 10, session: 's' };
const held = { T: 'window', frames: 0, ticks: 0 };
const released = { T: 'window', frames: 4, ticks: 100 };

test('frames and declared gaps are appended in order, acknowledged, and counted', async () => {
  const subject = new SessionUnderTest();
  subject.session.publish(11, 10, { rows: Buffer.of(0x93), count: 3, rejected: [] });
  subject.session.skip(11, 20);
  await nextTurn();
  assert.equal(subject.replies, []);
  await subject.buffer.answer('appended');
  assert.equal(subject.replies, [{ T: 'ack', seq: 20 }]);
  assert.equal(subject.observer.accepted, [[3, 2]]);
  assert.is(subject.session.accepted, 20);
});

test('a repeat of an accepted frame is acknowledged again, of one on its way not yet', async () => {
  const subject = new SessionUnderTest();
  await subject.publish(11, 12);
  await subject.publish(11);
  assert.equal(subject.replies, []);
  await subject.buffer.answer('appended');
  await subject.publish(11);
  assert.equal(subject.replies, [
    { T: 'ack', seq: 12 },
    { T: 'ack', seq: 12 },
  ]);
  assert.is(subject.buffer.appends.length, 1);
});

test('committed waits for accepted, and is told once', async () => {
  const subject = new SessionUnderTest();
  await subject.publish(11, 12);
  subject.session.onCommitted('g', 9);
  subject.session.onCommitted('other', 10);
  subject.session.onCommitted('g', 12);
  await subject.buffer.answer('appended');
  subject.session.onCommitted('g', 12);
  assert.equal(subject.replies, [
    { T: 'committed', seq: 9 },
    { T: 'committed', seq: 10 },
    { T: 'ack', seq: 12 },
    { T: 'committed', seq: 12 },
  ]);
});

test('rejected ticks of a frame are told with its seq, and counted', async () => {
  const subject = new SessionUnderTest();
  const rejected = [{ index: 2, reason: 'price_invalid', raw: Buffer.of(1) }] as const;
  subject.session.publish(11, 10, { ...NO_TICKS, rejected });
  assert.equal(subject.replies, [
    { T: 'error', code: 420, msg: 'ticks rejected', seq: 11, rejected: [[2, 'price_invalid']] },
  ]);
  assert.equal(subject.observer.rejected, ['price_invalid']);
  await nextTurn();
  assert.equal(subject.buffer.appends[0]?.content.frames[0]?.rejected, rejected);
});

for (const [what, prev, seq, end] of [
  ['a missing frame', 12, 13, { kind: 'reopen', reason: 'frame_missing' }],
  ['a counter that began again', 0, 1, { kind: 'sequence-reuse' }],
  ['a frame across the position', 9, 12, { kind: 'sequence-reuse' }],
] as const)
  test(`${what}: ${end.kind}, and nothing more is taken`, async () => {
    const subject = new SessionUnderTest('appended');
    subject.session.publish(seq, prev, NO_TICKS);
    await subject.publish(11);
    subject.session.onCommitted('g', 9);
    assert.equal(subject.ends, [end]);
    assert.equal(subject.replies, []);
    assert.is(subject.buffer.appends.length, 0);
    assert.equal(subject.observer.reopens, end.kind === 'reopen' ? [end.reason] : []);
  });

for (const [failure, end] of [
  ['lost-state', { kind: 'reopen', reason: 'state_lost' }],
  ['lost-chain', { kind: 'reopen', reason: 'chain_broken' }],
  ['unanswered', { kind: 'reopen', reason: 'unanswered' }],
  ['session', { kind: 'superseded' }],
] as const)
  test(`an append that ends with ${failure}`, async () => {
    const subject = new SessionUnderTest(failure);
    await subject.publish(11);
    assert.equal(subject.ends, [end]);
    assert.equal(subject.observer.reopens, end.kind === 'reopen' ? [end.reason] : []);
  });

for (const [what, reconciled, end] of [
  ['as told', state, undefined],
  ['gone', undefined, { kind: 'reopen', reason: 'state_lost' }],
  ['of another generation', { ...state, generation: 'g2' }, { kind: 'reopen', reason: 'stale_generation' }],
  ['of another session', { ...state, session: 's2' }, { kind: 'superseded' }],
  ['behind', { ...state, position: 9 }, { kind: 'reopen', reason: 'chain_broken' }],
] as const)
  test(`reconciliation with a state ${what}: ${end?.kind ?? 'goes on'}`, () => {
    const subject = new SessionUnderTest();
    subject.session.onReconciled(reconciled, 'r', 10);
    subject.session.onReconciled(reconciled, 'r', 10);
    assert.equal(subject.ends, end === undefined ? [] : [end]);
  });

test('a full window stops reading and asks for a flush; a commit goes on', async () => {
  const subject = new SessionUnderTest('appended');
  await subject.publish(11);
  assert.is(subject.buffer.flushRequests, 0);
  await subject.publish(12);
  assert.is(subject.buffer.flushRequests, 1, 'half of it');
  await subject.publish(13, 14);
  assert.not(subject.isReading);
  assert.is(subject.buffer.flushRequests, 1, 'not again within 20 ms');
  subject.clock.advanceAtOnce(20);
  await subject.publish(15);
  assert.is(subject.buffer.flushRequests, 2);
  subject.session.onCommitted('g', 11);
  assert.not(subject.isReading);
  subject.session.onCommitted('g', 12);
  assert.ok(subject.isReading);
});

test('a feed that goes on far beyond its window: overrun', async () => {
  const subject = new SessionUnderTest('appended');
  await subject.publish(11, 12, 13, 14, 15, 16, 17, 18);
  assert.equal(subject.ends, []);
  await subject.publish(19);
  assert.equal(subject.ends, [{ kind: 'overrun' }]);
});

test('a buffer that is full closes the window, and opens it again', async () => {
  const subject = new SessionUnderTest();
  await subject.publish(11);
  await subject.buffer.answer('full');
  assert.equal(subject.replies, [held]);
  assert.not(subject.isReading);
  subject.session.onCommitted('g', 9);
  assert.not(subject.isReading, 'a commit does not open what the buffer has closed');
  subject.clock.advanceAtOnce(20);
  await nextTurn();
  await subject.buffer.answer('appended');
  assert.ok(subject.isReading);
  assert.equal(subject.replies, [held, { T: 'committed', seq: 9 }, released, { T: 'ack', seq: 11 }]);
});

test('an end opens reading again: the next open must be read', async () => {
  const subject = new SessionUnderTest('appended');
  await subject.publish(11, 12, 13, 14);
  assert.not(subject.isReading);
  subject.session.onReconciled(undefined, 'r', 10);
  assert.ok(subject.isReading);
});

test('close: the append under way is waited for, then the session is released, and nobody is told anything', async () => {
  const subject = new SessionUnderTest();
  await subject.publish(11);
  await subject.publish(12);
  const closed = subject.session.close();
  await nextTurn();
  assert.equal(subject.buffer.released, []);
  await subject.buffer.answer('lost-state');
  await closed;
  assert.equal(subject.buffer.released, [['egx', 's']]);
  assert.equal([subject.buffer.appends.length, subject.ends, subject.replies], [1, [], []]);
});

test('drain and close at once: both end with the append under way', async () => {
  const subject = new SessionUnderTest();
  await subject.publish(11);
  const both = Promise.all([subject.session.drained(), subject.session.close()]);
  await subject.buffer.answer('appended');
  await both;
});
