import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import { InternalFeed } from '../../src/ingest/internal-feed.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeObserver } from './fake-observer.ts';
import { FakeOpener, opened } from './fake-opener.ts';

const test = suite('internal feed');

class FeedUnderTest {
  readonly clock = new FakeClock();
  readonly buffer = new FakeBuffer();
  readonly opener = new FakeOpener();
  readonly observer = new FakeObserver();
  /** `ack 1`, `committed 1`: in the order they came, frames numbered as they were published. */
  readonly told: string[] = [];
  readonly feed: InternalFeed;
  #published = 0;

  constructor(windowFrames = 100) {
    this.feed = new InternalFeed({
      prefix: '~gw',
      opener: this.opener,
      buffer: this.buffer,
      limits: { windowFrames, windowTicks: 1_000 },
      observer: this.observer,
      clock: this.clock,
    });
  }

  publish(count = 1): void {
    const name = ++this.#published;
    this.feed.publish(
      { rows: Buffer.of(0x90 + count), count, rejected: [] },
      { onAck: () => this.told.push(`ack ${name}`), onCommitted: () => this.told.push(`committed ${name}`) },
    );
  }

  /** Lets time pass until the next open is asked for, and answers it. */
  async open(result: Parameters<FakeOpener['answer']>[0]): Promise<void> {
    this.clock.advanceAtOnce(this.clock.waits[0] ?? 0);
    await this.opener.answer(result);
    await nextTurn();
  }

  /** Seqs of the newest append. */
  get sent(): number[] {
    return (this.buffer.appends.at(-1)?.content.frames ?? []).map((frame) => frame.seq);
  }
}

test('nothing is opened before the first frame; then frames are numbered from 1 and told by number', async () => {
  const subject = new FeedUnderTest();
  assert.equal(subject.clock.waits, []);
  subject.publish(2);
  subject.publish(3);
  assert.equal(subject.clock.waits, [0], 'one open for both');
  await subject.open(opened(0));
  assert.ok(subject.feed.feed.startsWith('~gw-'));
  assert.is(subject.opener.opens[0]?.feed, subject.feed.feed);
  const { attempt, have } = subject.opener.opens[0]?.claim ?? {};
  assert.equal([attempt, have], [1, 0]);
  assert.equal(subject.sent, [1, 2]);
  assert.is(subject.buffer.appends[0]?.ticks, 5);
  await subject.buffer.answer('appended');
  assert.equal(subject.told, ['ack 1', 'ack 2']);
  subject.feed.onCommitted('g', 1);
  subject.feed.onCommitted('another', 2);
  assert.equal(subject.told.slice(2), ['committed 1']);
  subject.feed.onCommitted('g', 2);
  assert.equal(subject.told.slice(3), ['committed 2']);
});

test('rows are copied: the message they came in may be used again', async () => {
  const subject = new FeedUnderTest();
  const rows = Buffer.of(0x90);
  const listener = { onAck: () => undefined, onCommitted: () => undefined };
  subject.feed.publish({ rows, count: 0, rejected: [] }, listener);
  rows[0] = 0xff;
  await subject.open(opened(0));
  assert.equal([...(subject.buffer.appends[0]?.content.frames[0]?.rows ?? [])], [0x90]);
});

test('after a reopen what the buffer lost is sent again, is acknowledged once, and nothing is lost', async () => {
  const subject = new FeedUnderTest();
  for (let at = 0; at < 3; at++) subject.publish();
  await subject.open(opened(0));
  await subject.buffer.answer('appended');
  subject.feed.onCommitted('g', 1);
  subject.feed.onReconciled(undefined, 'r', 3);
  assert.equal(subject.observer.reopens, ['state_lost']);
  subject.publish();
  assert.equal(subject.clock.waits, [200]);
  await subject.open(opened(1, 1, 'g2'));
  assert.equal(subject.sent, [2, 3, 4]);
  assert.is(subject.opener.opens[1]?.claim.attempt, 2);
  assert.not.equal(subject.opener.opens[1]?.claim.session, subject.opener.opens[0]?.claim.session);
  await subject.buffer.answer('appended');
  subject.feed.onCommitted('g', 4);
  subject.feed.onCommitted('g2', 4);
  assert.equal(subject.told, [
    'ack 1',
    'ack 2',
    'ack 3',
    'committed 1',
    'ack 4',
    'committed 2',
    'committed 3',
    'committed 4',
  ]);
});

test('an append of which nobody knows whether it was stored: `opened` says so, and tells it', async () => {
  const subject = new FeedUnderTest();
  subject.publish();
  subject.publish();
  await subject.open(opened(0));
  await subject.buffer.answer('unanswered');
  assert.equal(subject.told, []);
  await subject.open(opened(2, 1));
  assert.equal(subject.told, ['ack 1', 'ack 2', 'committed 1']);
  assert.is(subject.buffer.appends.length, 1);
});

test('no more than its window is in flight; a commit lets the next frames go', async () => {
  const subject = new FeedUnderTest(2);
  for (let at = 0; at < 5; at++) subject.publish();
  await subject.open(opened(0));
  assert.equal(subject.sent, [1, 2]);
  await subject.buffer.answer('appended');
  assert.is(subject.buffer.appends.length, 1);
  subject.feed.onCommitted('g', 2);
  await nextTurn();
  assert.equal(subject.sent, [3, 4]);
});

test('a feed that cannot be opened tries again, later each time, and at least every 2 s', async () => {
  const subject = new FeedUnderTest();
  subject.publish();
  const delays: number[] = [];
  for (let at = 0; at < 6; at++) {
    delays.push(...subject.clock.waits);
    await subject.open({ outcome: 'not-now', why: 'down' });
  }
  assert.equal(delays, [0, 200, 400, 800, 1_600, 2_000]);
  await subject.open(opened(0));
  assert.equal(subject.sent, [1]);
});

test('dispose: the session is released and nothing is opened any more', async () => {
  const subject = new FeedUnderTest();
  subject.publish();
  await subject.open(opened(0));
  const disposed = subject.feed[Symbol.asyncDispose]();
  await subject.buffer.answer('appended');
  await disposed;
  assert.is(subject.buffer.released.length, 1);
  subject.publish();
  assert.equal(subject.clock.waits, []);
});

test('dispose: an open that waits for its time does not come', async () => {
  const subject = new FeedUnderTest();
  subject.publish();
  await subject.open({ outcome: 'not-now', why: 'down' });
  await subject.feed[Symbol.asyncDispose]();
  subject.clock.advanceAtOnce(10_000);
  assert.is(subject.opener.opens.length, 1);
});
