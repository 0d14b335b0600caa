import * as assert from 'uvu/assert';
import { EventQueue } from '../../../clients/live/event-queue.ts';
import { parseLiveEvents } from '../../../clients/live/live-events.ts';
import { isNothing, WantedChannels } from '../../../clients/live/wanted-channels.ts';
import { parseWireMicros } from '../../../clients/live/wire-time.ts';
import { formatMicros } from '../../../src/market/tick.ts';
import { suite } from '../../support/suite.ts';

const queues = suite('a queue of events');

queues('what comes first is read first, whether the reader waits or the item', async () => {
  const queue = new EventQueue<number>(
    10,
    () => undefined,
    () => undefined,
  );
  const waiting = [queue.next(), queue.next()];
  for (const item of [1, 2, 3]) queue.push(item);
  queue.end();
  queue.push(4);
  const read: number[] = [];
  for await (const item of queue) read.push(item);
  assert.equal(
    (await Promise.all(waiting)).map(({ value }) => value),
    [1, 2],
  );
  assert.equal(read, [3]);
});

queues('a slow reader loses the oldest half and hears how many', async () => {
  const dropped: number[] = [];
  const queue = new EventQueue<number>(
    100,
    (count) => dropped.push(count),
    () => undefined,
  );
  for (let item = 0; item < 1_000; item++) queue.push(item);
  queue.end();
  const read: number[] = [];
  for await (const item of queue) read.push(item);
  assert.is(read.length + dropped.reduce((sum, count) => sum + count, 0), 1_000);
  assert.ok(read.length <= 100 && dropped.length > 1);
  assert.is(read.at(-1), 999);
  assert.equal(
    read,
    read.map((_, at) => 1_000 - read.length + at),
  );
});

queues('leaving the loop ends it once; an error comes after what was there', async () => {
  let ends = 0;
  const left = new EventQueue<number>(
    10,
    () => undefined,
    () => (ends += 1),
  );
  left.push(1);
  for await (const _item of left) break;
  left.end();
  assert.is(ends, 1);
  const failed = new EventQueue<number>(
    10,
    () => undefined,
    () => undefined,
  );
  failed.push(1);
  failed.end(new Error('over'));
  assert.is((await failed.next()).value, 1);
  await failed.next().then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'over'),
  );
});

const wanted = suite('what a program wants of one connection');

wanted('a name is asked for once, and given up when the last that wanted it goes', () => {
  const own = new WantedChannels();
  assert.equal(own.add({ trades: ['A', 'B'] }), { trades: ['A', 'B'] });
  assert.equal(own.add({ trades: ['B', 'C'], bars: ['A'] }), { trades: ['C'], bars: ['A'] });
  assert.equal(own.all(), { trades: ['A', 'B', 'C'], bars: ['A'] });
  assert.equal(own.remove({ trades: ['A', 'B'] }), { trades: ['A'] });
  assert.equal(own.remove({ trades: ['B', 'C'], bars: ['A'] }), { trades: ['B', 'C'], bars: ['A'] });
  assert.ok(isNothing(own.all()));
});

const events = suite('messages of the gateway');

events('times to the microsecond, the same second again and another one', () => {
  for (const micros of [1_764_583_200_123_456, 1_764_583_200_999_999, 1_764_583_201_000_000, 946_684_800_000_001]) {
    assert.is(parseWireMicros(formatMicros(micros)), micros);
  }
  assert.is(parseWireMicros('2025-12-01T10:00:00.5Z'), parseWireMicros('2025-12-01T10:00:00.500000Z'));
  assert.is(parseWireMicros('2025-12-01T10:00:00Z'), Date.UTC(2025, 11, 1, 10) * 1_000);
});

events('what is unknown is left out, in its place nothing breaks', () => {
  const text = JSON.stringify([
    { T: 'news' },
    5,
    null,
    { T: 't', S: 'A', p: 1, s: 2, t: '2025-12-01T10:00:00.000001Z', more: 1 },
    { T: 'pos', at: 'x' },
  ]);
  assert.equal(
    parseLiveEvents(text).map(({ kind }) => kind),
    ['tick', 'position'],
  );
  assert.equal(parseLiveEvents('{}'), []);
});
