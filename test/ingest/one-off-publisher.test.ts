import * as assert from 'uvu/assert';
import type { OneOffListener } from '../../src/ingest/internal-feed.ts';
import { OneOffPublisher } from '../../src/ingest/one-off-publisher.ts';
import type { CheckedTicks } from '../../src/market/tick-check.ts';
import type { PublishRequest } from '../../src/protocol/feed-request.ts';
import type { FeedReply } from '../../src/protocol/reply-codec.ts';
import { suite } from '../support/suite.ts';
import { FakeObserver } from './fake-observer.ts';

const test = suite('one-off publisher');

class PublisherUnderTest {
  readonly frames: Array<{ readonly ticks: CheckedTicks; readonly listener: OneOffListener }> = [];
  readonly replies: FeedReply[] = [];
  readonly observer = new FakeObserver();
  isPaused = false;
  readonly publisher: OneOffPublisher;

  constructor(windowFrames = 100, windowTicks = 1_000) {
    this.publisher = new OneOffPublisher({
      internalFeed: { publish: (ticks, listener) => void this.frames.push({ ticks, listener }) },
      limits: { windowFrames, windowTicks },
      observer: this.observer,
      reply: (...replies) => void this.replies.push(...replies),
      setPaused: (isPaused) => (this.isPaused = isPaused),
    });
  }

  publish(count: number, id?: string | number, rejected: CheckedTicks['rejected'] = []): OneOffListener {
    const ticks = { rows: Buffer.alloc(count), count, rejected };
    const request: PublishRequest = { action: 'publish', seq: undefined, prev: 0, id, ticks };
    this.publisher.publish(request);
    const frame = this.frames.at(-1);
    if (frame === undefined) throw new Error('nothing was published');
    assert.is(frame.ticks, ticks);
    return frame.listener;
  }
}

for (const [id, told] of [
  ['a', 'a'],
  [0, 0],
  [undefined, null],
] as const)
  test(`a frame of id ${id}: its ack, then its commit, under that id`, () => {
    const subject = new PublisherUnderTest();
    const listener = subject.publish(1, id);
    assert.equal(subject.replies, []);
    listener.onAck();
    listener.onCommitted();
    assert.equal(subject.replies, [
      { T: 'ack', id: told },
      { T: 'committed', id: told },
    ]);
  });

test('rejected ticks are told and counted; the frame goes on', () => {
  const subject = new PublisherUnderTest();
  const raw = Buffer.from('x');
  const rejected = [
    { index: 1, reason: 'price_invalid', raw },
    { index: 3, reason: 'symbol_invalid', raw },
  ] as const;
  subject.publish(2, 'a', rejected);
  subject.publish(2, undefined, rejected);
  const error = {
    T: 'error',
    code: 420,
    msg: 'ticks rejected',
    rejected: [
      [1, 'price_invalid'],
      [3, 'symbol_invalid'],
    ],
  };
  assert.equal(subject.replies, [{ ...error, id: 'a' }, error]);
  assert.equal(subject.observer.rejected, ['price_invalid', 'symbol_invalid', 'price_invalid', 'symbol_invalid']);
});

for (const [what, windowFrames, windowTicks] of [
  ['frames', 2, 1_000],
  ['ticks, rejected ones too', 100, 10],
] as const)
  test(`a full window of ${what} pauses reading until one is committed`, () => {
    const subject = new PublisherUnderTest(windowFrames, windowTicks);
    const rejected = [{ index: 0, reason: 'price_invalid', raw: Buffer.alloc(0) }] as const;
    const first = subject.publish(4, 1, rejected);
    assert.not(subject.isPaused);
    subject.publish(4, 2, rejected);
    assert.ok(subject.isPaused);
    first.onAck();
    assert.ok(subject.isPaused, 'an ack frees nothing');
    first.onCommitted();
    assert.not(subject.isPaused);
  });
