import * as assert from 'uvu/assert';
import { type LiveSink, StreamFollower } from '../../../src/fanout/stream/stream-follower.ts';
import type { LiveEntry } from '../../../src/stream/live-message.ts';
import type { StreamCursor } from '../../../src/stream/stream-cursor.ts';
import { encodeStreamEntry, type StreamEntry } from '../../../src/stream/stream-entry.ts';
import { suite } from '../../support/suite.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeStream } from '../fakes/fake-stream.ts';

const test = suite('StreamFollower');
const RUN = 'a'.repeat(40);
const OTHER_RUN = 'b'.repeat(40);

/** Writes down what the follower brings. */
class Sink implements LiveSink {
  readonly got: string[] = [];
  readonly cursors: StreamCursor[] = [];

  onEntry({ liveSeq }: LiveEntry, cursor: StreamCursor, isLive: boolean): void {
    this.got.push(`${isLive ? 'live' : 'first'} ${liveSeq}`);
    this.cursors.push(cursor);
  }

  onBackfill({ acceptedAtMs }: StreamEntry): void {
    this.got.push(`backfill ${acceptedAtMs}`);
  }

  onPrimed(): void {
    this.got.push('primed');
  }

  onGap(fromMs: number | undefined, toMs: number): void {
    this.got.push(`gap ${String(fromMs)} ${toMs}`);
  }

  onFilled(entries: number): void {
    this.got.push(`filled ${entries}`);
  }

  take(): string[] {
    return this.got.splice(0);
  }
}

function parts(): { clock: FakeClock; stream: FakeStream; sink: Sink; follower: StreamFollower } {
  const clock = new FakeClock();
  const stream = new FakeStream();
  const sink = new Sink();
  return { clock, stream, sink, follower: new StreamFollower(stream, sink, clock) };
}

/** Parts whose follower has read a stream of one live entry and is live. */
async function liveParts(): Promise<ReturnType<typeof parts>> {
  const all = parts();
  all.stream.append();
  all.follower.up(RUN);
  await settle();
  assert.equal(all.sink.take(), ['first 1', 'primed']);
  assert.ok(all.follower.isLive);
  return all;
}

test('first what the stream holds, backfills too; then messages, each with the cursor after it', async () => {
  const { stream, sink, follower } = parts();
  stream.append();
  stream.append([], { isLive: false });
  stream.append();
  assert.is(follower.cursor, undefined);
  follower.up(RUN);
  assert.not(follower.isPrimed);
  await settle();
  assert.equal(sink.take(), ['first 1', 'backfill 2', 'first 2', 'primed']);
  follower.onMessage(stream.publish());
  assert.equal(sink.take(), ['live 3']);
  assert.equal(sink.cursors.at(-1), { run: 'a'.repeat(12), streamId: 'stream1', id: '4-0', liveSeq: 3 });
  assert.equal(follower.cursor, sink.cursors.at(-1));
});

test('a stream longer than a page is read to its end before it is live', async () => {
  const { stream, sink, follower } = parts();
  for (let at = 0; at < 300; at++) stream.append();
  follower.up(RUN);
  await settle();
  assert.equal(sink.take(), [...Array.from({ length: 300 }, (_, at) => `first ${at + 1}`), 'primed']);
  assert.ok(stream.reads.length > 1);
});

test('messages during a reading wait for it, and nothing comes twice', async () => {
  const { stream, sink, follower } = parts();
  stream.append();
  const release = stream.hold();
  follower.up(RUN);
  const message = stream.publish();
  follower.onMessage(stream.publish());
  release();
  await settle();
  // The page ended with 1, and 3 waited: 2 had to be read from the stream.
  assert.equal(sink.take(), ['first 1', 'primed', 'live 2', 'live 3']);
  follower.onMessage(message);
  assert.equal(sink.take(), []);
});

test('a lost message is read from the stream: every entry once, in order', async () => {
  const { stream, sink, follower } = await liveParts();
  stream.publish();
  const late = stream.publish();
  follower.onMessage(stream.publish());
  assert.equal(sink.take(), [], 'not before those missed');
  assert.not(follower.isLive);
  follower.onMessage(late);
  follower.onMessage(stream.publish());
  await settle();
  assert.equal(sink.take(), ['live 2', 'live 3', 'live 4', 'live 5', 'filled 3']);
  assert.ok(follower.isLive);
});

test('an entry that the stream has lost too is a gap, told once, between its neighbours', async () => {
  const { stream, sink, follower } = await liveParts();
  stream.publish();
  stream.publish();
  stream.trim(1, 1);
  follower.onMessage(stream.publish());
  await settle();
  assert.equal(sink.take(), ['gap 1 3', 'live 3', 'live 4', 'filled 2']);
  follower.down();
  follower.up(RUN);
  await settle();
  assert.equal(sink.take(), []);
});

test('a gap at the end of the stream reaches up to now', async () => {
  const { clock, stream, sink, follower } = await liveParts();
  follower.down();
  stream.publish();
  stream.trim(0, 2);
  follower.up(RUN);
  await settle();
  assert.equal(sink.take(), [`gap 1 ${clock.now()}`]);
  follower.onMessage(stream.publish());
  assert.equal(sink.take(), ['live 3']);
});

test('down: messages are of no account; up: what came meanwhile is read', async () => {
  const { stream, sink, follower } = await liveParts();
  follower.down();
  follower.onMessage(stream.publish());
  stream.publish();
  await settle();
  assert.equal(sink.take(), []);
  assert.not(follower.isLive);
  follower.up(RUN);
  await settle();
  assert.equal(sink.take(), ['live 2', 'live 3', 'filled 2']);
});

test('a reading from before a lost connection gives up', async () => {
  const { stream, sink, follower } = parts();
  stream.append();
  const release = stream.hold();
  follower.up(RUN);
  follower.down();
  release();
  await settle();
  assert.equal(sink.take(), []);
  assert.not(follower.isPrimed);
  follower.up(RUN);
  await settle();
  assert.equal(sink.take(), ['first 1', 'primed']);
});

test('a page of another run than the subscription waits until both have noticed the restart', async () => {
  const { clock, stream, sink, follower } = await liveParts();
  follower.down();
  follower.up(OTHER_RUN);
  await clock.advance(1_000);
  assert.equal(sink.take(), []);
  assert.not(follower.isLive);
  stream.wipe();
  stream.run = OTHER_RUN;
  follower.onMessage(stream.publish());
  await clock.advance(200);
  assert.equal(sink.take(), [`gap 1 ${clock.now()}`, 'live 1', 'filled 1']);
  assert.ok(follower.isLive);
});

test('while Redis is away the reading is tried again', async () => {
  const { clock, stream, sink, follower } = parts();
  stream.append();
  stream.isAway = true;
  follower.up(RUN);
  await clock.advance(1_000);
  assert.is(stream.reads.length, 6);
  stream.isAway = false;
  await clock.advance(200);
  assert.equal(sink.take(), ['first 1', 'primed']);
});

test('when nothing came for a second the stream is asked, and what is missing is read', async () => {
  const { clock, stream, sink, follower } = await liveParts();
  stream.publish();
  await clock.advance(900);
  assert.equal(sink.take(), []);
  await clock.advance(100);
  assert.equal(sink.take(), ['live 2', 'filled 1']);
  const reads = stream.reads.length;
  await clock.advance(1_000);
  assert.is(stream.reads.length, reads + 1, 'one look');
  follower.onMessage(stream.publish());
  await clock.advance(1_000);
  assert.is(stream.reads.length, reads + 1, 'none where something came');
});

test('a message that cannot be read: the stream is read, and goes on from there', async () => {
  const { stream, sink, follower } = await liveParts();
  stream.publish();
  follower.onMessage(Buffer.from('nonsense'));
  await settle();
  assert.equal(sink.take(), ['live 2', 'filled 1']);
  follower.onMessage(stream.publish());
  assert.equal(sink.take(), ['live 3']);
});

test('an entry that cannot be read is a gap, and those after it come', async () => {
  const { clock, stream, sink, follower } = await liveParts();
  follower.onMessage(stream.publish([], { data: Buffer.from([9]) }));
  follower.onMessage(stream.publish());
  await settle();
  assert.equal(sink.take(), [`gap 1 ${clock.now()}`, 'live 3']);
  follower.onMessage(stream.publish());
  assert.equal(sink.take(), ['live 4']);
});

test('the queue of a reading is bounded: what is thrown away is read from the stream', async () => {
  const { stream, sink, follower } = parts();
  stream.append();
  const release = stream.hold();
  follower.up(RUN);
  const rows = Buffer.alloc(4 * 1024 * 1024);
  const entry = { seq: 1, prev: 0, skip: false, count: 0, rows, rejected: [] };
  const data = encodeStreamEntry({ feed: 'f', writer: 'w', live: true, acceptedAtMs: 1, frames: [entry] });
  for (let at = 0; at < 12; at++) follower.onMessage(stream.publish([], { data }));
  assert.is(stream.reads.length, 1);
  release();
  await settle();
  assert.equal(sink.take(), ['first 1', 'primed', ...Array.from({ length: 12 }, (_, at) => `live ${at + 2}`)]);
  assert.ok(stream.reads.length > 1, 'the queue alone did not hold them');
});

test('disposed: no message, no reading, no timer', async () => {
  const { clock, stream, sink, follower } = await liveParts();
  follower[Symbol.dispose]();
  follower.onMessage(stream.publish());
  await clock.advance(5_000);
  assert.equal(sink.take(), []);
  assert.is(clock.timers, 0);
});
