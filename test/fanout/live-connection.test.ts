import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { tickOf } from './entries.ts';
import { settle } from '../support/fake-clock.ts';
import { ANYONE, LiveParts, QUEUE_BYTES, subscribe, TOKENS } from './fakes/live-parts.ts';

const test = suite('LiveConnection');

for (const codec of ['json', 'msgpack'] as const) {
  test(`${codec}: its own kind of message is taken, the other closes with 1003`, async () => {
    using parts = await new LiveParts().up();
    const dashboard = parts.connect({ principal: ANYONE, codec });
    dashboard.send(subscribe({ trades: ['A'] }));
    parts.publish('A', 1);
    await settle();
    assert.equal(dashboard.take(), ['connected', 'authenticated', 'subscription', 'A 1']);
    dashboard.connection.onMessage(Buffer.from('{}'), codec === 'json');
    assert.is(dashboard.socket.closedWith, 1003);
    assert.equal(dashboard.take(), []);
  });
}

test('bytes that are no request: 400 and the end', async () => {
  using parts = await new LiveParts().up();
  const { connection, socket, take } = await parts.dashboard();
  connection.onMessage(Buffer.from('{'), false);
  assert.equal(take(), ['error 400']);
  assert.is(socket.closedWith, 4501);
});

test('a burst of 200 requests is free, a flood is closed with 4029', async () => {
  using parts = await new LiveParts().up();
  const { send, socket, take } = await parts.dashboard();
  for (let sent = 0; sent < 200; sent++) send(subscribe({}));
  assert.equal(new Set(take()), new Set(['subscription']));
  // While this runs, tokens come back: 20 a second.
  for (let sent = 0; sent < 100 && socket.closedWith === undefined; sent++) send(subscribe({}));
  assert.is(socket.closedWith, 4029);
  assert.is(take().at(-1), 'error 429');
});

test('the acknowledgement tells the full state, and a refusal changes nothing of it', async () => {
  using parts = await new LiveParts().up();
  const { send, socket, take } = await parts.dashboard(subscribe({ trades: ['A', 'B'], bars: ['*'] }));
  take();
  send(subscribe({ trades: ['C', 'D'] }));
  send({ action: 'unsubscribe', trades: ['A'] });
  const last = socket.messages.at(-1);
  assert.equal([last?.['trades'], last?.['bars'], last?.['quotes']], [['B'], ['*'], []]);
  parts.publish('A', 1);
  parts.publish('B', 2);
  await settle();
  assert.equal(take(), ['error 405', 'subscription', 'B 2']);
});

test('* of a token for some symbols stands for these', async () => {
  using parts = await new LiveParts().up();
  const dashboard = parts.connect({ principal: TOKENS.get('narrow') });
  dashboard.send(subscribe({ trades: ['*'] }));
  dashboard.take();
  for (const symbol of ['A', 'B', 'C']) parts.publish(symbol, 1);
  await settle();
  assert.equal(dashboard.take(), ['A 1', 'B 1']);
});

test('a snapshot at once, of the symbols named now; live ticks follow it', async () => {
  using parts = new LiveParts();
  parts.store.ticks = ['A', 'B', 'C'].map((symbol) => tickOf(symbol, 1));
  await parts.up();
  const dashboard = await parts.dashboard(subscribe({ trades: ['A', 'C'] }));
  parts.publish('A', 2);
  dashboard.send(subscribe({ trades: ['A', 'B'], snapshot: true }));
  parts.publish('B', 3);
  await settle();
  assert.equal(dashboard.take(), ['subscription', 'A 2', 'subscription', 'last A 2', 'last B 1', 'B 3']);
});

test('a snapshot waits until prices are known, and live ticks wait behind it', async () => {
  using parts = new LiveParts();
  parts.stream.append([tickOf('A', 1)]);
  const dashboard = await parts.dashboard(subscribe({ trades: ['A'], snapshot: true, positions: true }));
  assert.equal(dashboard.take(), ['subscription']);
  await parts.up();
  parts.publish('A', 2);
  await settle();
  assert.equal(dashboard.take(), ['last A 1', 'pos', 'A 2', 'pos']);
});

test('resume: what came after the token, then live ticks, each once', async () => {
  using parts = await new LiveParts().up();
  parts.publish('A', 1);
  const resume = parts.hub.position();
  for (const price of [2, 3]) parts.publish('A', price);
  const dashboard = await parts.dashboard();
  dashboard.send(subscribe({ trades: ['A'], resume, snapshot: true }));
  parts.publish('A', 4);
  await settle();
  parts.publish('A', 5);
  await settle();
  assert.equal(dashboard.take(), ['subscription', 'A 2', 'A 3', 'A 4', 'A 5'], 'a complete resume needs no snapshot');
});

for (const [snapshot, expected] of [
  [true, ['subscription', 'gap', 'last A 1', 'A 2']],
  [false, ['subscription', 'gap', 'A 2']],
] as const) {
  test(`resume from a token that is not known, snapshot ${String(snapshot)}: ${expected.join(', ')}`, async () => {
    using parts = await new LiveParts().up();
    parts.publish('A', 1);
    await settle();
    const dashboard = await parts.dashboard(subscribe({ trades: ['A'], resume: 'nonsense', snapshot }));
    parts.publish('A', 2);
    await settle();
    assert.equal(dashboard.take(), expected);
    assert.equal(parts.gaps, ['resume']);
  });
}

test('unsubscribed while it catches up: nothing comes afterwards', async () => {
  using parts = new LiveParts();
  parts.stream.append([tickOf('A', 1)]);
  const dashboard = await parts.dashboard(subscribe({ trades: ['A'], snapshot: true }), {
    action: 'unsubscribe',
    trades: ['A'],
  });
  await parts.up();
  parts.publish('A', 2);
  await settle();
  assert.equal(dashboard.take(), ['subscription', 'subscription']);
});

test('positions: with the subscription, behind ticks, and with a heartbeat', async () => {
  using parts = await new LiveParts().up();
  const dashboard = await parts.dashboard(subscribe({ trades: ['A'], positions: true }));
  parts.publish('A', 1);
  parts.publish('B', 2);
  await settle();
  assert.equal(dashboard.take(), ['subscription', 'pos', 'A 1', 'pos']);
  await parts.clock.advance(5_000);
  assert.equal(dashboard.take(), ['hb', 'pos']);
});

test('latest and maxHz hold for the connection: the newest tick, so often', async () => {
  using parts = await new LiveParts().up();
  const dashboard = await parts.dashboard(subscribe({ trades: ['A'], mode: 'latest', maxHz: 10 }));
  for (const price of [1, 2, 3]) {
    parts.publish('A', price);
    await parts.clock.advance(40);
  }
  await parts.clock.advance(100);
  assert.equal(dashboard.take(), ['subscription', 'A 1', 'A 3']);
});

test('drain: shutdown and a last position; ticks go on until the close', async () => {
  using parts = await new LiveParts().up();
  const dashboard = await parts.dashboard(subscribe({ trades: ['A'], positions: true }));
  dashboard.take();
  parts.publish('A', 1);
  await dashboard.connection.drain(500);
  parts.publish('A', 2);
  await settle();
  assert.equal(dashboard.take(), ['shutdown', 'A 1', 'pos', 'pos', 'A 2', 'pos']);
});

test('flushes: of the feeds named, one message each', async () => {
  using parts = await new LiveParts().up();
  const dashboard = await parts.dashboard(subscribe({ flushes: ['f', 'g'] }));
  const feeds = ['f', 'g', 'h'].map((feed, at) => ({ feed, generation: 'x', seq: at + 1 }));
  parts.hub.onFlushNotice({ feeds, rows: 10, flushMs: 5, bars: [] });
  assert.equal(dashboard.socket.messages.slice(1), [
    { T: 'flush', feed: 'f', seq: 1, rows: 10, ms: 5 },
    { T: 'flush', feed: 'g', seq: 2, rows: 10, ms: 5 },
  ]);
});

test('nothing but answers before the token: no heartbeat', async () => {
  using parts = await new LiveParts().up();
  const dashboard = parts.connect();
  await parts.clock.advance(20_000);
  assert.equal(dashboard.take(), ['connected']);
  dashboard.connection.refuseLateAuth();
  assert.equal(dashboard.take(), ['error 404']);
});

test('ticks that a slow dashboard missed are counted to it when it reads again', async () => {
  using parts = await new LiveParts().up();
  const { socket, take } = await parts.dashboard(subscribe({ trades: ['A'] }));
  take();
  socket.bufferedAmount = QUEUE_BYTES;
  for (const price of [1, 2, 3]) parts.publish('A', price);
  await settle();
  assert.equal(take(), []);
  socket.bufferedAmount = 0;
  await parts.clock.advance(10);
  const [gap] = socket.messages;
  assert.equal([gap?.['T'], gap?.['reason'], gap?.['dropped']], ['gap', 'slow', 3]);
  assert.equal(parts.gaps, ['slow']);
});

test('a dashboard that stays full is closed with 4008, and cut when it does not read that', async () => {
  using parts = await new LiveParts().up();
  const { socket, take } = await parts.dashboard(subscribe({ trades: ['A'] }));
  take();
  socket.bufferedAmount = QUEUE_BYTES;
  parts.publish('A', 1);
  await parts.clock.advance(1_010);
  assert.equal(take(), ['error 407']);
  assert.is(socket.closedWith, 4008);
  assert.is(parts.hub.subscribers, 0);
  await parts.clock.advance(1_900);
  assert.not(socket.isTerminated);
  await parts.clock.advance(100);
  assert.ok(socket.isTerminated);
});

test('one that asks and does not read is closed with its answer, and gets no ticks afterwards', async () => {
  using parts = new LiveParts();
  parts.store.ticks = [tickOf('A', 1)];
  await parts.up();
  const { socket, connection, send, take } = await parts.dashboard();
  socket.bufferedAmount = QUEUE_BYTES * 2 + 1;
  send(subscribe({ trades: ['A'], snapshot: true }));
  socket.bufferedAmount = 0;
  parts.publish('A', 2);
  await settle();
  assert.equal(take(), ['error 407']);
  assert.is(socket.closedWith, 4008);
  connection.onClose();
  await parts.clock.advance(5_000);
  assert.not(socket.isTerminated, 'it closed in time');
});

test('one that its snapshot fills up gets no ticks afterwards', async () => {
  using parts = new LiveParts();
  parts.stream.append(Array.from({ length: 1_000 }, (_, at) => tickOf(`S${at}`, 1)));
  const { socket, take } = await parts.dashboard(subscribe({ trades: ['*'], snapshot: true }));
  take();
  socket.isReading = false;
  await parts.up();
  assert.is(socket.closedWith, 4008);
  take();
  socket.bufferedAmount = 0;
  parts.publish('S1', 2);
  await settle();
  assert.equal(take(), []);
});

test('a connection that the peer closed gets nothing more', async () => {
  using parts = await new LiveParts().up();
  const dashboard = await parts.dashboard(subscribe({ trades: ['A'], positions: true }));
  dashboard.take();
  dashboard.connection.onClose();
  parts.publish('A', 1);
  await parts.clock.advance(10_000);
  await dashboard.connection.drain(1);
  assert.equal(dashboard.take(), []);
  assert.is(parts.hub.subscribers, 0);
});
