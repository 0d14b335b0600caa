import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import { settle } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { tickOf } from './entries.ts';
import { ANYONE, type Dashboard, LiveParts, principal, subscribe } from './fakes/live-parts.ts';

const test = suite('LiveConnection: limits');
const unsubscribe = (fields: object): object => ({ action: 'unsubscribe', ...fields });

/** Dashboards of a token, each with an answer that takes so long. */
function dashboards(parts: LiveParts, count: number, name: string, answerMs = 1): Dashboard[] {
  return Array.from({ length: count }, () => {
    const dashboard = parts.connect({ principal: principal('*', true, name) });
    dashboard.take();
    const send = dashboard.socket.sendFrame.bind(dashboard.socket);
    dashboard.socket.sendFrame = (frame) => {
      parts.workMs += answerMs;
      send(frame);
    };
    return dashboard;
  });
}

const answersOf = (all: readonly Dashboard[]): number => all.reduce((sum, { take }) => sum + take().length, 0);

test('changes of two hundred connections: so many in a turn as there is time for, and all are answered in order', async () => {
  using parts = await new LiveParts().up();
  const flood = dashboards(parts, 200, 'flood');
  for (let at = 0; at < 20; at++) {
    for (const { send } of flood) send((at % 2 === 0 ? subscribe : unsubscribe)({ trades: [`S${at >> 1}`] }));
  }
  const states: number[] = [];
  assert.ok(answersOf(flood) <= 2, 'half a turn of one token');
  const last = flood.at(-1)?.socket;
  for (let turn = 0; turn < 1_100; turn++) {
    await nextTurn();
    states.push(flood.reduce((sum, { socket }) => sum + (socket === last ? 0 : socket.messages.splice(0).length), 0));
  }
  assert.ok(Math.max(...states) <= 4, `${Math.max(...states)} answers in one turn`);
  assert.equal(
    last?.messages.map(({ trades }) => trades),
    Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? [`S${at >> 1}`] : [])),
  );
});

test('a token that asks little is answered in the next turn beside one that floods', async () => {
  using parts = await new LiveParts().up();
  const flood = dashboards(parts, 100, 'flood');
  for (let at = 0; at < 10; at++) for (const { send } of flood) send(subscribe({ bars: ['A'] }));
  const [other] = dashboards(parts, 1, 'other');
  await nextTurn();
  other?.send(subscribe({ trades: ['A'] }));
  await nextTurn();
  await nextTurn();
  assert.equal(other?.take(), ['subscription']);
});

test('a connection whose requests wait is not read, until they are answered', async () => {
  using parts = await new LiveParts().up();
  const [first] = dashboards(parts, 1, 'flood', 4);
  const [second] = dashboards(parts, 1, 'flood', 4);
  first?.send(subscribe({ trades: ['A'] }));
  for (let at = 0; at < 31; at++) second?.send(subscribe({ bars: ['A'] }));
  assert.equal([second?.socket.isPaused, second?.connection.isReading], [false, true]);
  second?.send(subscribe({ bars: ['A'] }));
  assert.equal([second?.socket.isPaused, second?.connection.isReading], [true, false]);
  await settle(20);
  assert.is(second?.socket.isPaused, true, 'not to and fro');
  await settle(20);
  assert.equal([second?.socket.isPaused, second?.take().length], [false, 32]);
});

test('long requests that wait are bounded in bytes too', async () => {
  using parts = await new LiveParts().up();
  const [first, second] = dashboards(parts, 2, 'flood', 4);
  first?.send(subscribe({ trades: ['A'] }));
  const long = subscribe({ quotes: ['x'.repeat(30_000)] });
  for (let at = 0; at < 2; at++) second?.send(long);
  assert.is(second?.socket.isPaused, false);
  second?.send(long);
  assert.is(second?.socket.isPaused, true);
});

test('one that ends while its requests wait: none is done, and its close is read', async () => {
  using parts = await new LiveParts().up();
  const [first, second] = dashboards(parts, 2, 'flood', 4);
  first?.send(subscribe({ trades: ['A'] }));
  for (let at = 0; at < 40; at++) second?.send(subscribe({ trades: ['A'] }));
  second?.connection.end(4001, 'drained');
  assert.is(second?.socket.isPaused, false);
  await settle();
  assert.equal(second?.take(), []);
});

test('feeds are counted and checked: 405 beyond the limit, 400 for a name that none can have', async () => {
  using parts = await new LiveParts().up();
  const { send, take, socket } = await parts.dashboard(subscribe({ flushes: ['f', 'g', '*'] }));
  send(subscribe({ flushes: ['h'] }));
  send(subscribe({ flushes: ['a b'] }));
  send(unsubscribe({ flushes: ['g'] }));
  send(subscribe({ flushes: ['h'] }));
  assert.equal(socket.messages.at(-1)?.['flushes'], ['f', '*', 'h']);
  assert.equal(take(), ['subscription', 'error 405', 'error 400', 'subscription', 'subscription']);
});

test('a resume counts as twenty requests', async () => {
  using parts = await new LiveParts().up();
  parts.publish('A', 1);
  const resume = parts.hub.position();
  const { send, socket, take } = await parts.dashboard();
  let resumes = 0;
  while (socket.closedWith === undefined && resumes < 100) {
    send(subscribe({ trades: ['A'], resume }));
    send(unsubscribe({ trades: ['A'] }));
    await nextTurn();
    if (socket.closedWith === undefined) resumes += 1;
  }
  assert.is(socket.closedWith, 4029);
  assert.is(take().at(-1), 'error 429');
  assert.ok(resumes >= 9 && resumes <= 11, `${resumes} of a burst`);
});

test('heartbeats name feeds only to those that may see their flushes', async () => {
  using parts = await new LiveParts().up();
  parts.hub.stream.onMessage(parts.stream.publish([tickOf('A', 1)], { acceptedAtMs: parts.clock.now() }));
  const [all, narrow] = [parts.connect({ principal: ANYONE }), parts.connect({ principal: principal(new Set(['A'])) })];
  await parts.clock.advance(6_000);
  const feedsOf = ({ socket }: Dashboard): string => JSON.stringify(socket.ofType('hb').at(0)?.['feeds']);
  assert.match(feedsOf(all), /^\[\{"feed":"feed","ageMs":\d+\}\]$/);
  assert.is(feedsOf(narrow), '[]');
});

test('snapshots asked for while prices are not known are one, and none for one that has gone', async () => {
  using parts = new LiveParts();
  parts.stream.append(['A', 'B', 'C'].map((symbol) => tickOf(symbol, 1)));
  const [stays, gone] = [await parts.dashboard(), await parts.dashboard()];
  for (let round = 0; round < 10; round++) {
    for (const { send } of [stays, gone]) send(subscribe({ trades: [round % 2 === 0 ? 'A' : 'B'], snapshot: true }));
  }
  for (const { take } of [stays, gone]) take();
  gone.connection.onClose();
  await parts.up();
  assert.equal([stays.take(), gone.take()], [['last A 1', 'last B 1'], []]);
});

test('a snapshot while a resume is under way does not end it: no tick comes twice', async () => {
  using parts = await new LiveParts().up();
  parts.publish('A', 1);
  const resume = parts.hub.position();
  for (const price of [2, 3]) parts.publish('A', price);
  const { send, take } = await parts.dashboard();
  send(subscribe({ trades: ['A'], resume }));
  send(subscribe({ trades: ['A'], snapshot: true }));
  parts.publish('A', 4);
  await settle();
  assert.equal(take(), ['subscription', 'subscription', 'last A 3', 'A 2', 'A 3', 'A 4']);
});

test('a change of one dashboard delivers nothing of others before its time', async () => {
  using parts = await new LiveParts().up();
  const others = await parts.dashboard(subscribe({ trades: ['A'] }));
  const changing = await parts.dashboard(subscribe({ trades: ['A', 'B'] }));
  for (const { take } of [others, changing]) take();
  parts.publish('A', 1);
  changing.send(unsubscribe({ trades: ['A'] }));
  changing.send(subscribe({ trades: ['C'], positions: true }));
  assert.equal(others.take(), []);
  assert.equal(changing.take(), ['A 1', 'subscription', 'subscription']);
  await settle();
  assert.equal(others.take(), ['A 1']);
});
