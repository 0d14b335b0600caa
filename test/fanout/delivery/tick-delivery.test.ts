import * as assert from 'uvu/assert';
import { TickDelivery } from '../../../src/fanout/delivery/tick-delivery.ts';
import type { DeliveryProfile } from '../../../src/fanout/delivery/subscriber-groups.ts';
import { SymbolTable } from '../../../src/market/symbol-table.ts';
import type { Tick } from '../../../src/market/tick.ts';
import { formatResumeToken } from '../../../src/stream/stream-cursor.ts';
import { suite } from '../../support/suite.ts';
import { rowsOf, tickOf } from '../entries.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { short } from '../fakes/fake-socket.ts';
import { EVERYTHING, FakeSubscriber, symbols } from '../fakes/fake-subscriber.ts';

const test = suite('TickDelivery');
const ALL: DeliveryProfile = { codec: 'json', withPositions: false, filter: EVERYTHING };
const MAX_PENDING_TICKS = 16_384;

/** Counts encodings: each asks for the bytes of its symbol. */
class CountingTable extends SymbolTable {
  encodings = 0;

  override bytesOf(number: number): Buffer {
    this.encodings += 1;
    return super.bytesOf(number);
  }
}

/** A delivery with its clock and all that it reports. */
class Parts {
  readonly clock: FakeClock = new FakeClock();
  readonly table: CountingTable = new CountingTable();
  readonly sent: Array<readonly [deliveries: number, frames: number, bytes: number]> = [];
  readonly latencies: Array<readonly [latencyMs: number, deliveries: number]> = [];
  readonly dropped: number[] = [];
  readonly delivery: TickDelivery = new TickDelivery({
    symbolTable: this.table,
    coalesceMs: 5,
    clock: this.clock,
    observer: {
      onSent: (...counts) => void this.sent.push(counts),
      onLatency: (...latency) => void this.latencies.push(latency),
      onDropped: (_reason, count) => void this.dropped.push(count),
    },
  });
  #entries = 0;

  /** An entry of these ticks, accepted now. */
  add(...ticks: readonly Tick[]): void {
    const { columns } = this.delivery;
    const fromRow = columns.length;
    const rows = rowsOf(ticks);
    columns.appendRows(rows, 0, rows.length);
    const cursor = cursorAt(++this.#entries);
    this.delivery.add({ fromRow, toRow: columns.length, acceptedAtMs: this.clock.now(), cursor });
  }

  joined(profile: DeliveryProfile = ALL, options: { queueBytes?: number } = {}): FakeSubscriber {
    const subscriber = new FakeSubscriber(this.clock, { ...options, counts: this.delivery.counts });
    this.delivery.join(subscriber.outbox, profile);
    return subscriber;
  }
}

const cursorAt = (entry: number): { run: string; streamId: string; id: string; liveSeq: number } => ({
  run: 'abc',
  streamId: 's',
  id: `${entry}-0`,
  liveSeq: entry,
});

test('one encoding a tick and one frame a group, whoever gets it', async () => {
  const parts = new Parts();
  const [first, second] = [parts.joined(), parts.joined()];
  const [named, other] = [
    parts.joined({ ...ALL, filter: symbols('A') }),
    parts.joined({ ...ALL, filter: symbols('A', 'B') }),
  ];
  parts.add(tickOf('A', 1), tickOf('B', 1));
  parts.add(tickOf('C', 2), tickOf('A', 2));
  await settle();
  assert.equal(first.socket.take(), ['A 1', 'B 1', 'C 2', 'A 2']);
  assert.equal(named.socket.take(), ['A 1', 'A 2']);
  assert.equal(other.socket.take(), ['A 1', 'B 1', 'A 2']);
  assert.is(parts.table.encodings, 4);
  assert.equal(
    [first, second, named, other].map(({ socket }) => socket.frames.length),
    [1, 1, 1, 1],
  );
  assert.is(first.socket.frames[0], second.socket.frames[0], 'the same bytes, not equal ones');
});

test('ticks that nobody names are not encoded', async () => {
  const parts = new Parts();
  const named = parts.joined({ ...ALL, filter: symbols('A') });
  parts.add(tickOf('B', 1));
  assert.is(parts.delivery.columns.length, 0);
  parts.add(tickOf('B', 2), tickOf('A', 2));
  await settle();
  assert.equal(named.socket.take(), ['A 2']);
  assert.is(parts.table.encodings, 1);
});

test('whoever joins begins behind the pending ticks, which go out by the profile before', async () => {
  const parts = new Parts();
  const early = parts.joined({ ...ALL, filter: symbols('A') });
  parts.add(tickOf('A', 1), tickOf('B', 1));
  const late = parts.joined();
  assert.equal(early.socket.take(), [], 'others keep their pace');
  parts.add(tickOf('B', 2));
  parts.delivery.join(early.outbox, ALL);
  assert.equal([early.socket.take(), late.socket.take()], [['A 1'], ['B 2']]);
  parts.add(tickOf('B', 3));
  await settle();
  assert.equal(early.socket.take(), ['B 3']);
  assert.equal(late.socket.take(), ['B 3']);
});

test('a group of everything that follows groups of names gets its ticks whole', async () => {
  const parts = new Parts();
  const named = parts.joined({ ...ALL, filter: symbols('B') });
  parts.add(tickOf('A', 1), tickOf('B', 1), tickOf('A', 2));
  const all = parts.joined();
  parts.add(tickOf('B', 3), tickOf('A', 3), tickOf('B', 4));
  await settle();
  assert.equal(all.socket.take(), ['B 3', 'A 3', 'B 4']);
  assert.equal(named.socket.take(), ['B 1', 'B 3', 'B 4']);
});

test('positions: behind each frame where they are wanted, that of its last entry', async () => {
  const parts = new Parts();
  const [all, named] = [
    parts.joined({ ...ALL, withPositions: true }),
    parts.joined({ ...ALL, withPositions: true, filter: symbols('A') }),
  ];
  const without = parts.joined();
  parts.add(tickOf('A', 1));
  parts.add(tickOf('B', 2));
  await settle();
  for (const { socket } of [all, named]) {
    assert.equal(socket.messages.at(-1), { T: 'pos', at: formatResumeToken(cursorAt(2)) });
  }
  assert.equal(named.socket.messages.map(short), ['A 1', 'pos']);
  assert.equal(without.socket.messages.map(short), ['A 1', 'B 2']);
});

test('too many pending ticks are delivered at once, without a turn', () => {
  const parts = new Parts();
  const { socket } = parts.joined();
  const ticks = Array.from({ length: 1_024 }, (_, at) => tickOf('A', at + 1));
  for (let rows = 1_024; rows < MAX_PENDING_TICKS; rows += 1_024) parts.add(...ticks);
  assert.is(socket.messages.length, 0);
  parts.add(...ticks);
  assert.is(socket.prices.length, MAX_PENDING_TICKS);
  assert.is(parts.delivery.columns.length, 0);
  parts.delivery[Symbol.dispose]();
});

test('flush delivers now, and nothing is left for the turn that was due', async () => {
  const parts = new Parts();
  const { socket } = parts.joined();
  parts.add(tickOf('A', 1));
  parts.delivery.flush();
  assert.equal(socket.take(), ['A 1']);
  await settle();
  assert.equal(socket.take(), []);
});

test('leave: no more live ticks; the others of its group go on', async () => {
  const parts = new Parts();
  const [gone, stays] = [parts.joined(), parts.joined()];
  const alone = parts.joined({ ...ALL, filter: symbols('A') });
  parts.add(tickOf('A', 1));
  parts.delivery.leave(gone.outbox);
  parts.delivery.remove(alone.outbox);
  await settle();
  assert.equal(gone.socket.take(), []);
  assert.equal(alone.socket.take(), []);
  assert.equal(stays.socket.take(), ['A 1']);
});

test('nobody has joined: columns do not grow', () => {
  const parts = new Parts();
  for (let at = 0; at < 3; at++) parts.add(tickOf('A', at));
  assert.is(parts.delivery.columns.length, 0);
  assert.is(parts.table.encodings, 0);
});

test('a dashboard that does not read is cut after its time, and the pump ends', async () => {
  const parts = new Parts();
  const slow = parts.joined(ALL, { queueBytes: 200 });
  const quick = parts.joined();
  slow.socket.isReading = false;
  for (let at = 1; at <= 20; at++) {
    parts.add(tickOf('A', at));
    parts.delivery.flush();
  }
  assert.ok(slow.outbox.isHolding);
  await parts.clock.advance(990);
  assert.not(slow.isCut);
  await parts.clock.advance(20);
  assert.ok(slow.isCut);
  assert.is(quick.socket.prices.length, 20);
  assert.is(parts.clock.timers, 0);
});

test('ticks that are held go out when the dashboard reads again', async () => {
  const parts = new Parts();
  const { outbox, socket, gaps } = parts.joined(ALL, { queueBytes: 200 });
  socket.isReading = false;
  for (let at = 1; at <= 20; at++) {
    parts.add(tickOf('A', at));
    parts.delivery.flush();
  }
  socket.isReading = true;
  socket.bufferedAmount = 0;
  await parts.clock.advance(10);
  assert.not(outbox.isHolding);
  assert.is(gaps.length, 1);
  assert.is(parts.clock.timers, 0);
});

test('totals and latencies are observed, each once', async () => {
  const parts = new Parts();
  const [first] = [parts.joined(), parts.joined()];
  parts.add(tickOf('A', 1), tickOf('A', 2));
  await parts.clock.advance(0);
  const bytes = (first.socket.frames[0]?.length ?? 0) * 2;
  assert.equal(parts.sent, [[4, 2, bytes]]);
  assert.equal(parts.latencies, [[0, 4]]);
  const slow = parts.joined({ ...ALL, filter: symbols('S') }, { queueBytes: 10 });
  slow.socket.bufferedAmount = 11;
  parts.add(tickOf('S', 1));
  parts.delivery.flush();
  assert.equal(parts.dropped, [1]);
  parts.add(tickOf('A', 3));
  parts.delivery.flush();
  assert.equal([parts.sent.map(([deliveries]) => deliveries), parts.dropped], [[4, 2, 2], [1]]);
  parts.delivery[Symbol.dispose]();
});

test('disposed: pending ticks are forgotten, no timer is left', async () => {
  const parts = new Parts();
  const { socket } = parts.joined();
  parts.add(tickOf('A', 1));
  parts.delivery[Symbol.dispose]();
  await settle();
  assert.equal(socket.take(), []);
  assert.is(parts.clock.timers, 0);
});
