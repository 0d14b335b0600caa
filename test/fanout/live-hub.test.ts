import * as assert from 'uvu/assert';
import { FairWorkQueue } from '../../src/base/fair-work-queue.ts';
import { LiveHub } from '../../src/fanout/live-hub.ts';
import { formatResumeToken } from '../../src/stream/stream-cursor.ts';
import { suite } from '../support/suite.ts';
import { tickOf } from './entries.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { barOf, FakePrices } from './fakes/fake-prices.ts';
import { short } from './fakes/fake-socket.ts';
import { FakeStream } from './fakes/fake-stream.ts';
import { EVERYTHING, FakeSubscriber, symbols } from './fakes/fake-subscriber.ts';
import { openFrame } from './open-frame.ts';

const test = suite('LiveHub');
const RUN = 'a'.repeat(40);

/** A hub on a stream, a store and a clock of the test. */
class Parts implements Disposable {
  readonly clock: FakeClock = new FakeClock();
  readonly stream: FakeStream = new FakeStream();
  readonly store: FakePrices = new FakePrices();
  readonly resumes: string[] = [];
  filled = 0;
  readonly hub: LiveHub = new LiveHub({
    tail: this.stream,
    prices: this.store,
    observer: {
      onFilled: (entries) => void (this.filled += entries),
      onResume: (from) => void this.resumes.push(from),
    },
    coalesceMs: 5,
    work: new FairWorkQueue({ turnMs: 4, nowMs: () => 0 }),
    maxCatchUps: 2,
    clock: this.clock,
  });

  [Symbol.dispose](): void {
    this.hub[Symbol.dispose]();
  }

  /** The stream is known, and followed live: it holds an entry without ticks where the test has made none. */
  async up(): Promise<this> {
    if (this.stream.streamId === undefined) this.stream.append();
    this.hub.start();
    this.hub.stream.up(RUN);
    await settle();
    return this;
  }

  /** A live entry of one tick, through pub/sub; delivered in the next turn. */
  publish(symbol: string, price: number): void {
    const acceptedAtMs = this.clock.now();
    this.hub.stream.onMessage(this.stream.publish([tickOf(symbol, price)], { acceptedAtMs }));
  }

  /** A subscriber that gets live ticks. */
  follower(filter = EVERYTHING): FakeSubscriber {
    const subscriber = new FakeSubscriber(this.clock);
    this.hub.add(subscriber);
    this.hub.reconfigure(subscriber, () => {
      subscriber.isFollowing = true;
      subscriber.deliveryProfile = { codec: 'json', withPositions: false, filter };
    });
    return subscriber;
  }

  snapshot(subscriber: FakeSubscriber = new FakeSubscriber(this.clock)): string[] {
    return this.hub.snapshot(subscriber, EVERYTHING).flatMap((frame) => openFrame(frame, 'json').map(short));
  }
}

test('an entry goes from the message to the bytes of sockets', async () => {
  using parts = await new Parts().up();
  const [all, named] = [parts.follower(), parts.follower(symbols('B'))];
  parts.hub.stream.onMessage(parts.stream.publish([tickOf('A', 1), tickOf('B', 2)]));
  await settle();
  assert.equal(all.socket.take(), ['A 1', 'B 2']);
  assert.equal(named.socket.take(), ['B 2']);
});

test('frames that dashboards had before are not delivered again', async () => {
  using parts = await new Parts().up();
  const { socket } = parts.follower();
  parts.hub.stream.onMessage(parts.stream.publish([tickOf('A', 1)], { shownUpTo: 2 }));
  parts.publish('A', 2);
  await settle();
  assert.equal(socket.take(), ['A 2']);
});

test('a snapshot and the live ticks after it: nothing missing, nothing twice', async () => {
  using parts = await new Parts().up();
  const before = parts.follower();
  parts.publish('A', 1);
  const snapshot = parts.snapshot(before);
  assert.equal(before.socket.take(), ['A 1'], 'its pending ticks come before it');
  const after = parts.follower();
  parts.publish('A', 2);
  await settle();
  assert.equal([...snapshot, ...after.socket.take()], ['last A 1', 'A 2']);
});

test('the first reading counts for last prices, and is delivered to nobody', async () => {
  using parts = new Parts();
  parts.store.ticks = [tickOf('A', 1), tickOf('B', 1)];
  parts.stream.append([tickOf('A', 2)]);
  parts.stream.append([tickOf('B', 2)], { isLive: false });
  const { socket } = parts.follower();
  await parts.up();
  assert.equal(parts.snapshot().sort(), ['last A 2', 'last B 2']);
  assert.equal(socket.take(), []);
});

test('ready when the stream is read and prices are loaded; callbacks come once, positions to those that waited', async () => {
  using parts = new Parts();
  const early = parts.follower();
  let calls = 0;
  parts.hub.whenReady(early, () => (calls += 1));
  parts.hub.start();
  await settle();
  assert.equal([parts.hub.isReady, calls], [false, 0]);
  assert.is(parts.hub.position(), undefined);
  parts.hub.stream.up(RUN);
  await settle();
  assert.equal([parts.hub.isReady, calls, early.positions], [true, 1, 1]);
  parts.hub.onFlushesMissed();
  await settle();
  assert.is(calls, 1);
  parts.hub.whenReady(early, () => (calls += 1));
  assert.is(calls, 2, 'at once');
});

test('reconfigure: pending ticks go by the profile before, later ones by the new', async () => {
  using parts = await new Parts().up();
  const [stays, follower] = [parts.follower(symbols('A')), parts.follower(symbols('A'))];
  parts.publish('A', 1);
  parts.publish('B', 1);
  parts.hub.reconfigure(follower, () => {
    assert.equal(follower.socket.take(), ['A 1'], 'before the change');
    follower.deliveryProfile = { codec: 'json', withPositions: false, filter: symbols('B') };
  });
  parts.publish('A', 2);
  parts.publish('B', 2);
  await settle();
  assert.equal(follower.socket.take(), ['B 2']);
  assert.equal(stays.socket.take(), ['A 1', 'A 2']);
});

test('a subscriber that is catching up, or that the change closed, gets no live ticks', async () => {
  using parts = await new Parts().up();
  const [catching, closed] = [new FakeSubscriber(parts.clock), new FakeSubscriber(parts.clock)];
  for (const subscriber of [catching, closed]) parts.hub.add(subscriber);
  parts.hub.reconfigure(catching, () => (catching.isCatchingUp = true));
  parts.hub.reconfigure(closed, () => {
    closed.cutSlow();
    parts.hub.remove(closed);
  });
  parts.publish('A', 1);
  await settle();
  assert.equal([catching.socket.take(), closed.socket.take()], [[], []]);
});

test('resume: no live ticks meanwhile, then exactly those after the token', async () => {
  using parts = await new Parts().up();
  parts.publish('A', 1);
  const token = parts.hub.position() ?? '';
  for (const price of [2, 3]) parts.publish('A', price);
  const subscriber = parts.follower();
  subscriber.isCatchingUp = true;
  const ends: boolean[] = [];
  parts.hub.resume(subscriber, token, (isComplete) => {
    ends.push(isComplete);
    parts.hub.reconfigure(subscriber, () => (subscriber.isCatchingUp = false));
  });
  parts.publish('A', 4);
  await settle();
  parts.publish('A', 5);
  await settle();
  assert.equal(subscriber.socket.take(), ['A 2', 'A 3', 'A 4', 'A 5']);
  assert.equal(ends, [true]);
  assert.equal(parts.resumes, ['memory']);
  parts.hub.resume(subscriber, 'nonsense', (isComplete) => ends.push(isComplete));
  await settle();
  assert.equal(ends, [true, false]);
});

test('a gap is told to those that follow, behind the ticks before it', async () => {
  using parts = await new Parts().up();
  const follower = parts.follower();
  const idle = new FakeSubscriber(parts.clock);
  parts.hub.add(idle);
  parts.publish('A', 1);
  let before: string[] = [];
  const sendGap = follower.sendGap.bind(follower);
  follower.sendGap = (...gap) => {
    before = follower.socket.take();
    sendGap(...gap);
  };
  parts.hub.onGap(1, 2);
  assert.equal(before, ['A 1']);
  assert.equal(follower.gaps, [['buffer', 1, 2]]);
  assert.equal(idle.gaps, []);
});

test('after a gap memory does not lead to the live end: a resume over it is told of it', async () => {
  using parts = await new Parts().up();
  parts.publish('A', 1);
  const token = parts.hub.position() ?? '';
  parts.stream.publish([tickOf('A', 2)]);
  parts.stream.trim(2, 1);
  parts.publish('A', 3);
  await settle();
  const subscriber = parts.follower();
  parts.hub.resume(subscriber, token, () => undefined);
  await settle();
  assert.equal(subscriber.socket.take(), ['A 3']);
  assert.is(subscriber.gaps.length, 1);
  assert.equal(parts.resumes, ['stream']);
  assert.is(parts.filled, 1);
});

test('a position is that of everything delivered', async () => {
  using parts = await new Parts().up();
  const follower = parts.follower();
  const { socket } = follower;
  parts.publish('A', 1);
  const position = parts.hub.position(follower);
  assert.equal(socket.take(), ['A 1']);
  const cursor = { run: 'a'.repeat(12), streamId: 'stream1', id: '2-0', liveSeq: 2 };
  assert.is(position, formatResumeToken(cursor));
});

test('heartbeats: to those that got nothing for five seconds, with the ages of feeds', async () => {
  using parts = await new Parts().up();
  const [quiet, busy] = [parts.follower(symbols('Q')), parts.follower()];
  for (const { socket, outbox } of [quiet, busy]) {
    outbox.sendControl(Buffer.from([0x81, 2, 0x5b, 0x5d]), parts.clock.now());
    socket.take();
  }
  parts.publish('A', 1);
  await parts.clock.advance(4_750);
  assert.equal([quiet.socket.take(), busy.socket.take()], [[], ['A 1']]);
  parts.publish('A', 2);
  await parts.clock.advance(250);
  const [heartbeat] = quiet.socket.messages.splice(0);
  assert.equal([heartbeat?.['T'], heartbeat?.['id']], ['hb', '3-0']);
  assert.equal(heartbeat?.['feeds'], [{ feed: 'feed', ageMs: 250 }]);
  assert.ok(quiet.positions > 0);
  assert.equal(busy.socket.take(), ['A 2']);
  await parts.clock.advance(5_000);
  assert.equal([quiet.socket.take(), busy.socket.take()], [['hb'], ['hb']]);
});

test('a flush notice: to subscribers, its bars to those that want them, outdated prices are asked for', async () => {
  using parts = await new Parts().up();
  parts.store.ticks = [tickOf('A', 1)];
  parts.hub.onFlushesMissed();
  await settle();
  const subscriber = parts.follower();
  Object.assign(subscriber, { bars: EVERYTHING, barKey: '*' });
  const minuteMs = Math.floor(parts.clock.now() / 60_000) * 60_000;
  const notice = (ms: number): Parameters<LiveHub['onFlushNotice']>[0] => ({
    feeds: [{ feed: 'f', generation: 'g', seq: 1 }],
    rows: 1,
    flushMs: 2,
    bars: [barOf('A', ms)],
  });
  parts.hub.onFlushNotice(notice(minuteMs - 60_000));
  parts.hub.onFlushNotice(notice(minuteMs));
  assert.is(subscriber.notices.length, 2);
  assert.is(subscriber.socket.ofType('b').length, 1);
  parts.store.ticks = [{ ...tickOf('A', 2), timeMicros: barOf('A', minuteMs).closeMicros }];
  await parts.clock.advance(1_000);
  assert.equal(parts.store.asked.at(-1), ['A']);
  assert.equal(parts.snapshot(), ['last A 2']);
});

test('subscribers and the bytes that wait for them are counted; one removed gets nothing more', async () => {
  using parts = await new Parts().up();
  const [stays, goes] = [parts.follower(), parts.follower()];
  assert.is(parts.hub.subscribers, 2);
  stays.socket.bufferedAmount = 10;
  goes.socket.bufferedAmount = 5;
  assert.is(parts.hub.waitingBytes, 15);
  parts.hub.remove(goes);
  assert.equal([parts.hub.subscribers, parts.hub.waitingBytes], [1, 10]);
  parts.publish('A', 1);
  await settle();
  assert.equal([stays.socket.take(), goes.socket.take()], [['A 1'], []]);
});

test('disposed: no timer is left, and nothing is delivered', async () => {
  const parts = await new Parts().up();
  const { socket } = parts.follower();
  parts[Symbol.dispose]();
  parts.publish('A', 1);
  await parts.clock.advance(10_000);
  assert.equal(socket.take(), []);
  assert.is(parts.clock.timers, 0);
});
