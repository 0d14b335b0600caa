import * as assert from 'uvu/assert';
import { FairWorkQueue } from '../../../src/base/fair-work-queue.ts';
import { CatchUp } from '../../../src/fanout/stream/catch-up.ts';
import { SymbolTable } from '../../../src/market/symbol-table.ts';
import { formatResumeToken, type StreamCursor } from '../../../src/stream/stream-cursor.ts';
import { nextTurn } from '../../../src/base/next-turn.ts';
import { suite } from '../../support/suite.ts';
import { tickOf } from '../entries.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { short } from '../fakes/fake-socket.ts';
import { FakeStream } from '../fakes/fake-stream.ts';
import { FakeSubscriber, symbols } from '../fakes/fake-subscriber.ts';

const test = suite('CatchUp');
const RUN = 'a'.repeat(12);

interface Resume {
  readonly origins: string[];
  readonly done: Promise<void>;
}

/** A catch-up over a stream of the test, and the live end: entries that were both appended and remembered. */
class Parts {
  readonly clock: FakeClock = new FakeClock();
  readonly stream: FakeStream = new FakeStream();
  readonly resumes: string[] = [];
  readonly live: { cursor: StreamCursor | undefined; isPrimed: boolean } = { cursor: undefined, isPrimed: true };
  /** Monotonic time, of which a frame takes {@link frameMs}. */
  workMs = 0;
  frameMs = 0;
  readonly catchUp: CatchUp = new CatchUp({
    tail: this.stream,
    observer: { onResume: (from) => void this.resumes.push(from) },
    symbolTable: new SymbolTable(),
    stream: this.live,
    // Watched with each frame: the time passes within it.
    delivery: { watch: () => void (this.workMs += this.frameMs) },
    work: new FairWorkQueue({ turnMs: 4, nowMs: () => this.workMs }),
    maxCatchUps: 8,
    clock: this.clock,
  });

  /** Live entries of so many ticks of symbol A, priced by the number of their entry. */
  appendLive(count: number, isRemembered = true, ticks = 1): void {
    for (let at = 0; at < count; at++) {
      const price = this.stream.liveSeq + 1;
      this.stream.append(Array.from({ length: ticks }, () => tickOf('A', price)));
      const entry = this.stream.entries.at(-1);
      if (isRemembered && entry !== undefined) this.catchUp.remember(entry);
    }
    this.live.cursor = this.cursorAt(this.stream.liveSeq);
  }

  /** Cursor after the live entry of this number. */
  cursorAt(liveSeq: number): StreamCursor {
    const id = this.stream.entries.find((entry) => entry.liveSeq === liveSeq)?.id ?? '0-0';
    return { run: RUN, streamId: this.stream.streamId ?? '', id, liveSeq };
  }

  token(liveSeq: number): string {
    return formatResumeToken(this.cursorAt(liveSeq));
  }

  subscriber(options?: { queueBytes?: number; slowMs?: number }): FakeSubscriber {
    return new FakeSubscriber(this.clock, options);
  }

  resume(subscriber: FakeSubscriber, token: string): Resume {
    const origins: string[] = [];
    return { origins, done: this.catchUp.run(subscriber, token, (origin) => void origins.push(origin)) };
  }
}

const prices = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('at the live end already: joins in the same turn', () => {
  const parts = new Parts();
  parts.appendLive(3);
  const subscriber = parts.subscriber();
  const { origins } = parts.resume(subscriber, parts.token(3));
  assert.equal(origins, ['memory']);
  assert.equal(subscriber.socket.messages, []);
});

test('from memory: what came after the token, once and in order, without a reading', async () => {
  const parts = new Parts();
  parts.appendLive(5);
  const subscriber = parts.subscriber();
  const { origins, done } = parts.resume(subscriber, parts.token(2));
  await done;
  assert.equal(subscriber.socket.prices, [3, 4, 5]);
  assert.equal(origins, ['memory']);
  assert.equal(parts.resumes, ['memory']);
  assert.equal(parts.stream.reads, []);
});

test('from the stream: what memory does not hold, over several pages', async () => {
  const parts = new Parts();
  parts.appendLive(300, false);
  parts.catchUp.forget();
  const subscriber = parts.subscriber();
  const { origins, done } = parts.resume(subscriber, parts.token(100));
  await done;
  assert.equal(subscriber.socket.prices, prices(101, 300));
  assert.equal(origins, ['stream']);
  assert.ok(parts.stream.reads.length > 1);
  assert.equal(subscriber.gaps, []);
});

test('entries that come meanwhile are sent too, and the join is in the very turn of the live end', async () => {
  const parts = new Parts();
  parts.appendLive(3);
  const subscriber = parts.subscriber();
  let seenAtJoin: unknown[] = [];
  const send = subscriber.socket.sendFrame.bind(subscriber.socket);
  let more = 5;
  subscriber.socket.sendFrame = (frame) => {
    send(frame);
    if (more-- > 0) parts.appendLive(1);
  };
  let liveAtJoin: number | undefined;
  await parts.catchUp.run(subscriber, parts.token(0), () => {
    liveAtJoin = parts.live.cursor?.liveSeq;
    seenAtJoin = [...subscriber.socket.prices];
  });
  assert.is(liveAtJoin, 8);
  assert.equal(seenAtJoin, prices(1, 8));
});

test('only symbols of the profile, with the position of the last whole entry', async () => {
  const parts = new Parts();
  parts.stream.append([tickOf('A', 1), tickOf('B', 1)]);
  parts.stream.append([tickOf('B', 2)]);
  parts.stream.append([tickOf('A', 3)]);
  for (const entry of parts.stream.entries) parts.catchUp.remember(entry);
  parts.live.cursor = parts.cursorAt(3);
  const subscriber = parts.subscriber();
  subscriber.deliveryProfile = { codec: 'json', withPositions: true, filter: symbols('A') };
  await parts.resume(subscriber, parts.token(0)).done;
  assert.equal(subscriber.socket.messages.map(short), ['A 1', 'A 3', 'pos']);
  assert.is(subscriber.socket.messages.at(-1)?.['at'], parts.token(3));
});

test('frames of an entry that dashboards had before are left out', async () => {
  const parts = new Parts();
  parts.stream.append([tickOf('A', 1)], { shownUpTo: 1 });
  parts.appendLive(1);
  parts.catchUp.forget();
  const subscriber = parts.subscriber();
  await parts.resume(subscriber, parts.token(0)).done;
  assert.equal(subscriber.socket.prices, [2]);
});

for (const token of ['nonsense', '', 'x.y.1-0.1']) {
  test(`a token that no gateway gave, "${token}": a gap, and nothing is complete`, async () => {
    const parts = new Parts();
    parts.appendLive(2);
    const subscriber = parts.subscriber();
    const { origins, done } = parts.resume(subscriber, token);
    await done;
    assert.equal(origins, ['nothing']);
    assert.equal(subscriber.gaps, [['resume', undefined, parts.clock.now()]]);
    assert.equal(parts.resumes, ['nothing']);
  });
}

test('entries that are trimmed are a gap between those before and after', async () => {
  const parts = new Parts();
  parts.appendLive(6, false);
  const token = parts.token(1);
  parts.stream.trim(2, 2);
  const subscriber = parts.subscriber();
  const order: string[] = [];
  const sendGap = subscriber.sendGap.bind(subscriber);
  subscriber.sendGap = (...gap) => {
    order.push(...subscriber.socket.take(), 'gap');
    sendGap(...gap);
  };
  const { origins, done } = parts.resume(subscriber, token);
  await done;
  assert.equal([...order, ...subscriber.socket.take()], ['A 2', 'gap', 'A 5', 'A 6']);
  assert.equal(subscriber.gaps, [['resume', 2, 5]]);
  assert.equal(origins, ['stream']);
});

test('a stream that was replaced: a gap, then the new one from its start', async () => {
  const parts = new Parts();
  parts.appendLive(3, false);
  const token = parts.token(2);
  parts.stream.wipe();
  parts.appendLive(2, false);
  const subscriber = parts.subscriber();
  const { done } = parts.resume(subscriber, token);
  await done;
  assert.is(subscriber.gaps.length, 1);
  assert.equal(subscriber.socket.prices, [1, 2]);
});

test('before the stream is known it waits; ahead of pub/sub it waits for the live end', async () => {
  const parts = new Parts();
  parts.appendLive(2, false);
  const { cursor } = parts.live;
  parts.live.isPrimed = false;
  const subscriber = parts.subscriber();
  const { origins } = parts.resume(subscriber, parts.token(1));
  await parts.clock.advance(50);
  assert.equal(origins, []);
  parts.live.isPrimed = true;
  parts.live.cursor = parts.cursorAt(1);
  parts.stream.append([tickOf('A', 3)]);
  await parts.clock.advance(10);
  assert.equal(origins, ['memory'], 'the token was the live end');
  const second = parts.subscriber();
  parts.live.cursor = cursor;
  const ahead = parts.resume(second, parts.token(1));
  await parts.clock.advance(50);
  assert.equal(second.socket.prices, [2, 3], 'the stream held more than pub/sub brought');
  assert.equal(ahead.origins, []);
  parts.live.cursor = parts.cursorAt(3);
  await parts.clock.advance(10);
  assert.equal(ahead.origins, ['stream']);
  assert.equal(second.socket.prices, [2, 3]);
});

test('while Redis is away the reading is tried again; after two seconds nothing can be had', async () => {
  const parts = new Parts();
  parts.appendLive(2, false);
  parts.stream.isAway = true;
  const patient = parts.resume(parts.subscriber(), parts.token(1));
  await parts.clock.advance(1_000);
  parts.stream.isAway = false;
  await parts.clock.advance(200);
  assert.equal(patient.origins, ['stream']);
  parts.stream.isAway = true;
  const unlucky = parts.subscriber();
  const { origins } = parts.resume(unlucky, parts.token(1));
  await parts.clock.advance(1_700);
  assert.equal(origins, []);
  await parts.clock.advance(300);
  assert.equal(origins, ['nothing']);
  assert.is(unlucky.gaps.length, 1);
});

test('a subscriber that does not read is waited for, and then cut', async () => {
  const parts = new Parts();
  parts.appendLive(2_000);
  const subscriber = parts.subscriber({ queueBytes: 10_000, slowMs: 1_000 });
  subscriber.socket.isReading = false;
  const { origins } = parts.resume(subscriber, parts.token(0));
  await parts.clock.advance(990);
  assert.not(subscriber.isCut);
  assert.ok(subscriber.socket.prices.length < 2_000, 'no more than it has room for');
  await parts.clock.advance(100);
  assert.ok(subscriber.isCut);
  assert.equal(origins, []);
});

test('one that reads on after a while gets all of it', async () => {
  const parts = new Parts();
  parts.appendLive(2_000);
  const subscriber = parts.subscriber({ queueBytes: 10_000 });
  subscriber.socket.isReading = false;
  const { origins } = parts.resume(subscriber, parts.token(0));
  await parts.clock.advance(500);
  subscriber.socket.isReading = true;
  subscriber.socket.bufferedAmount = 0;
  await parts.clock.advance(100);
  assert.equal(subscriber.socket.prices, prices(1, 2_000));
  assert.equal(origins, ['memory']);
});

test('a subscriber that closed gets nothing more, and never joins', async () => {
  const parts = new Parts();
  parts.appendLive(2_000);
  const subscriber = parts.subscriber();
  const { origins, done } = parts.resume(subscriber, parts.token(0));
  subscriber.isClosed = true;
  await done;
  assert.equal(subscriber.socket.messages, []);
  assert.equal(origins, []);
});

test('a subscriber that closed while the stream was read, or could not be, never joins', async () => {
  const parts = new Parts();
  parts.appendLive(1, false);
  const token = parts.token(1);
  const release = parts.stream.hold();
  parts.stream.append([tickOf('A', 9)], { isLive: false });
  parts.live.cursor = { ...parts.cursorAt(1), streamId: 'unknown yet' };
  const reading = parts.subscriber();
  const first = parts.resume(reading, token);
  await settle();
  reading.isClosed = true;
  parts.live.cursor = parts.cursorAt(1);
  release();
  await parts.clock.advance(100);
  assert.equal(first.origins, []);

  parts.appendLive(1, false);
  parts.stream.isAway = true;
  const waiting = parts.subscriber();
  const second = parts.resume(waiting, token);
  await parts.clock.advance(300);
  waiting.isClosed = true;
  const reads = parts.stream.reads.length;
  await parts.clock.advance(5_000);
  assert.is(parts.stream.reads.length, reads, 'no reading for one that has gone');
  assert.equal(second.origins, []);
  assert.equal(waiting.gaps, []);
  assert.equal(parts.resumes, []);
});

test('one that closed during the last attempt to read never joins', async () => {
  const parts = new Parts();
  parts.appendLive(2, false);
  const subscriber = parts.subscriber();
  let reads = 0;
  parts.stream.read = async () => {
    reads += 1;
    if (reads === 10) subscriber.isClosed = true;
    throw new Error('Redis is away');
  };
  const { origins, done } = parts.resume(subscriber, parts.token(1));
  await parts.clock.advance(2_000);
  await done;
  assert.is(reads, 10);
  assert.equal([origins, subscriber.gaps, parts.resumes], [[], [], []]);
});

test('at most four readings at once: the fifth waits for its turn', async () => {
  const parts = new Parts();
  parts.appendLive(3, false);
  const release = parts.stream.hold();
  const resumes = Array.from({ length: 9 }, () => parts.resume(parts.subscriber(), parts.token(0)));
  await parts.clock.advance(100);
  assert.is(parts.stream.readings, 4);
  release();
  await parts.clock.advance(100);
  assert.is(parts.stream.maxReadings, 4);
  assert.ok(resumes.every(({ origins }) => origins.join() === 'stream'));
});

/** Frames of each turn of the event loop until the resumes are done. */
async function framesOfTurns(subscribers: readonly FakeSubscriber[], resumes: readonly Resume[]): Promise<number[]> {
  const frames = (): number => subscribers.reduce((sum, { socket }) => sum + socket.frames.length, 0);
  const turns: number[] = [];
  for (let before = frames(); resumes.some(({ origins }) => origins.length === 0); before = frames()) {
    await nextTurn();
    turns.push(frames() - before);
    assert.ok(turns.length < 5_000, 'they come to an end');
  }
  return turns;
}

test('a hundred resumes from memory: so many frames in a turn as there is time for, and each gets all of it', async () => {
  const parts = new Parts();
  parts.appendLive(1_200);
  parts.frameMs = 1;
  const subscribers = Array.from({ length: 100 }, () => parts.subscriber());
  const resumes = subscribers.map((subscriber) => parts.resume(subscriber, parts.token(0)));
  const turns = await framesOfTurns(subscribers, resumes);
  assert.is(Math.max(...turns), 4, 'milliseconds of frames in a turn');
  for (const { socket } of subscribers) assert.equal(socket.prices, prices(1, 1_200));
});

test('a hundred resumes of one token do not hold up that of another', async () => {
  const parts = new Parts();
  parts.appendLive(1_200);
  parts.frameMs = 1;
  const flood = Array.from({ length: 100 }, () => parts.subscriber());
  const floods = flood.map((subscriber) => parts.resume(subscriber, parts.token(0)));
  await nextTurn();
  const other = parts.subscriber();
  other.owner = 'other';
  await parts.resume(other, parts.token(0)).done;
  assert.equal(other.socket.prices, prices(1, 1_200));
  assert.ok(floods.filter(({ origins }) => origins.length > 0).length < 20, 'of the flood came first');
});

test('at most so many hold entries at once; one that does not read gives its turn to others', async () => {
  const parts = new Parts();
  parts.appendLive(80, true, 50);
  const stalled = Array.from({ length: 10 }, () => parts.subscriber({ queueBytes: 10_000 }));
  for (const { socket } of stalled) socket.isReading = false;
  for (const subscriber of stalled) parts.resume(subscriber, parts.token(0));
  await parts.clock.advance(50);
  const { origins } = parts.resume(parts.subscriber(), parts.token(0));
  await parts.clock.advance(100);
  assert.equal(origins, ['memory']);
});

test('disposed: whoever waits is left', async () => {
  const parts = new Parts();
  parts.live.isPrimed = false;
  const { origins, done } = parts.resume(parts.subscriber(), 'x');
  parts.catchUp[Symbol.dispose]();
  await parts.clock.advance(20);
  await done;
  assert.equal(origins, []);
});
