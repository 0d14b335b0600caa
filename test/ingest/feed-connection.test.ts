import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import type { FeedPrincipal } from '../../src/ingest/feed-connection.ts';
import { suite } from '../support/suite.ts';
import { ConnectionUnderTest, NOBODY, NUMBERED_ONLY, PUBLISHER } from './connection-under-test.ts';
import { opened } from './fake-opener.ts';

const test = suite('feed connection');

const error = (code: number, msg: string): unknown => ({ T: 'error', code, msg });

for (const codec of ['json', 'msgpack'] as const)
  test(`${codec}: greets, authenticates, opens, and answers frames`, async () => {
    const subject = new ConnectionUnderTest({ codec, principal: NOBODY });
    assert.equal(subject.hear(), [{ T: 'success', msg: 'connected', v: 1, id: subject.connection.id }]);
    assert.not(subject.connection.isAuthenticated);
    subject.say({ action: 'auth', token: 'good' });
    assert.equal(subject.hear(), [{ T: 'success', msg: 'authenticated' }]);
    assert.is(subject.connection.principal, PUBLISHER);
    subject.say({ action: 'open', feed: 'egx', instance: 'i', attempt: 3, have: 5 });
    await nextTurn();
    const { session, ...claim } = subject.opener.opens[0]?.claim ?? {};
    assert.ok(session);
    assert.equal(claim, { instance: 'i', attempt: 3, have: 5 });
    await subject.opener.answer(opened(5, 4));
    const limits = { maxFrameBytes: 1_000, maxTicks: 3, windowFrames: 4, windowTicks: 100 };
    assert.equal(subject.hear(), [{ T: 'opened', feed: 'egx', accepted: 5, committed: 4, ...limits }]);
    assert.is(subject.registry.size, 1);
    subject.frame(6);
    subject.say({ action: 'skip', to: 6, next: 8 });
    await nextTurn();
    await subject.buffer.answer('appended');
    subject.registry.onFlushed([{ feed: 'egx', generation: 'g', seq: 8 }]);
    assert.equal(subject.hear(), [
      { T: 'ack', seq: 8 },
      { T: 'committed', seq: 8 },
    ]);
    assert.is(subject.socket.closed, undefined);
  });

/** One message, the answer, and the close; `before` may open a feed first. */
interface Exchange {
  readonly name: string;
  readonly principal?: FeedPrincipal;
  readonly isOpen?: boolean;
  readonly say: unknown;
  readonly hear: readonly unknown[];
  readonly closed?: readonly [code: number, reason: string];
}

const EXCHANGES: readonly Exchange[] = [
  {
    name: 'a wrong token',
    principal: NOBODY,
    say: { action: 'auth', token: 'bad' },
    hear: [error(402, 'auth failed')],
    closed: [4500, 'auth failed'],
  },
  {
    name: 'anything before auth',
    principal: NOBODY,
    say: { action: 'open', feed: 'egx' },
    hear: [error(401, 'not authenticated')],
    closed: [4500, 'not authenticated'],
  },
  { name: 'a second auth', say: { action: 'auth', token: 'good' }, hear: [error(403, 'already authenticated')] },
  {
    name: 'a feed that the token may not publish',
    say: { action: 'open', feed: 'forbidden' },
    hear: [error(409, 'this token may not publish that feed')],
    closed: [4509, 'insufficient permission'],
  },
  {
    name: 'a frame before any open',
    say: { action: 'publish', seq: 1, prev: 0, ticks: [] },
    hear: [error(400, 'open a feed first')],
    closed: [4501, 'bad request'],
  },
  {
    name: 'no action',
    say: {},
    hear: [error(400, 'an unknown action')],
    closed: [4501, 'bad request'],
  },
  {
    name: 'a frame of too many ticks',
    isOpen: true,
    say: { action: 'publish', seq: 1, prev: 0, ticks: Array.from({ length: 4 }, () => ['A', 1, 1]) },
    hear: [error(422, 'a frame may hold 3 ticks')],
    closed: [4501, 'frame too large'],
  },
  {
    name: 'a frame without a number, of a token for numbered ones',
    principal: NUMBERED_ONLY,
    say: { action: 'publish', ticks: [] },
    hear: [error(409, 'this token may not publish unnumbered frames')],
    closed: [4509, 'insufficient permission'],
  },
  {
    name: 'a frame without a number on an open feed',
    isOpen: true,
    say: { action: 'publish', ticks: [] },
    hear: [error(410, 'a connection that has opened a feed publishes numbered frames')],
  },
  {
    name: 'a frame missing',
    isOpen: true,
    say: { action: 'publish', seq: 3, prev: 2, ticks: [] },
    hear: [{ T: 'reopen', reason: 'a frame is missing' }],
  },
  {
    name: 'a gap missing before it',
    isOpen: true,
    say: { action: 'skip', to: 5, next: 9 },
    hear: [{ T: 'reopen', reason: 'a frame is missing' }],
  },
];

for (const { name, principal, isOpen = false, say, hear, closed } of EXCHANGES)
  test(`${name}: ${JSON.stringify(hear)}${closed === undefined ? '' : `, ${closed[0]}`}`, async () => {
    const subject = new ConnectionUnderTest({ principal });
    if (isOpen) await subject.open();
    subject.hear();
    subject.say(say);
    assert.equal(subject.hear(), hear);
    assert.equal(subject.socket.closed, closed);
    if (closed === undefined) return;
    subject.say({ action: 'auth', token: 'good' });
    assert.equal(subject.hear(), [], 'nothing is answered after the close');
    assert.is(subject.registry.size, 0);
  });

for (const [codec, isBinary] of [
  ['json', true],
  ['msgpack', false],
] as const)
  test(`${isBinary ? 'binary' : 'text'} on ${codec}: 1003`, () => {
    const subject = new ConnectionUnderTest({ codec });
    subject.connection.onMessage(Buffer.from('{}'), isBinary);
    assert.equal(subject.socket.closed, [1003, 'wrong message type for this codec']);
  });

for (const [outcome, hear, closed] of [
  ['taken', error(423, 'another program publishes under this name'), [4503, 'feed taken over']],
  ['late', error(423, 'a newer open of this instance has been answered'), [4023, 'a newer open came first']],
  ['spaced', error(429, 'the feed was taken over a moment ago'), [4029, 'take-overs too close together']],
  ['not-now', error(503, 'why not'), undefined],
] as const)
  test(`an open that is ${outcome}`, async () => {
    const subject = new ConnectionUnderTest();
    subject.hear();
    subject.say({ action: 'open', feed: 'egx' });
    await nextTurn();
    await subject.opener.answer(outcome === 'not-now' ? { outcome, why: 'why not' } : { outcome });
    assert.equal(subject.hear(), [hear]);
    assert.equal(subject.socket.closed, closed);
    assert.is(subject.registry.size, 0);
  });

for (const [name, act, hear, closed] of [
  [
    'lost its state',
    (subject: ConnectionUnderTest) => subject.buffer.answer('lost-state'),
    [{ T: 'reopen', reason: 'the buffer lost the feed' }],
    undefined,
  ],
  [
    'lost frames',
    (subject: ConnectionUnderTest) => subject.buffer.answer('lost-chain'),
    [{ T: 'reopen', reason: 'the buffer lost frames' }],
    undefined,
  ],
  [
    'stays unanswered',
    (subject: ConnectionUnderTest) => subject.buffer.answer('unanswered'),
    [{ T: 'reopen', reason: 'the buffer did not answer' }],
    undefined,
  ],
  [
    'was opened elsewhere',
    (subject: ConnectionUnderTest) => subject.buffer.answer('session'),
    [],
    [4023, 'another connection speaks for the feed'],
  ],
  [
    'restarts its counter',
    async (subject: ConnectionUnderTest) => subject.frame(12, 5),
    [error(421, 'these sequence numbers have been used')],
    [4521, 'sequence reuse'],
  ],
  [
    'goes on far beyond its window',
    async (subject: ConnectionUnderTest) => {
      for (let seq = 12; seq <= 19; seq++) subject.frame(seq);
    },
    [error(424, 'window exceeded')],
    [4029, 'window exceeded'],
  ],
] as const)
  test(`a feed that ${name}: ${JSON.stringify(hear)}${closed === undefined ? '' : `, ${closed[0]}`}`, async () => {
    const subject = new ConnectionUnderTest();
    await subject.open('egx', 10);
    subject.frame(11);
    await nextTurn();
    await act(subject);
    assert.equal(subject.hear(), hear);
    assert.equal(subject.socket.closed, closed);
    assert.is(subject.registry.size, 0);
    if (closed !== undefined) return;
    // Frames that were on their way are dropped; the next open takes over.
    subject.frame(12);
    await subject.open('egx', 11);
    subject.frame(12);
    await nextTurn();
    assert.equal([subject.buffer.appends.length, subject.buffer.appends[1]?.last], [2, 12]);
  });

test('many opens at once: at most 8 wait, then 429 and 4029', () => {
  const subject = new ConnectionUnderTest();
  subject.hear();
  for (let at = 0; at < 8; at++) subject.say({ action: 'open', feed: 'egx' });
  assert.is(subject.socket.closed, undefined);
  subject.say({ action: 'open', feed: 'egx' });
  assert.equal(subject.hear(), [error(429, 'too many opens at once')]);
  assert.equal(subject.socket.closed, [4029, 'too many opens']);
});

test('answers that are not read: 4008, and nothing more', () => {
  const subject = new ConnectionUnderTest();
  subject.hear();
  subject.socket.bufferedAmount = 1_001;
  subject.say({ action: 'auth', token: 'good' });
  assert.equal(subject.hear(), []);
  assert.equal(subject.socket.closed, [4008, 'answers are not read']);
});

test('too many frames a second: a pause; a flood in spite of it: 429 and 4029', async () => {
  const subject = new ConnectionUnderTest({ options: { rateFrames: 1_000, windowFrames: 100_000 } });
  await subject.open();
  for (let seq = 1; seq <= 1_000; seq++) subject.frame(seq);
  assert.ok(subject.socket.isPaused);
  assert.not(subject.connection.isReading);
  subject.clock.advanceAtOnce(100);
  assert.not(subject.socket.isPaused);
  for (let seq = 1_001; seq <= 12_000 && subject.socket.closed === undefined; seq++) subject.frame(seq);
  assert.equal(subject.socket.closed, [4029, 'rate exceeded']);
  assert.equal(subject.hear(), [error(429, 'rate exceeded')]);
  assert.not(subject.socket.isPaused, 'the client’s own close must be read');
  assert.equal(subject.clock.waits, []);
});

test('a full window pauses reading, and a commit resumes it', async () => {
  const subject = new ConnectionUnderTest();
  await subject.open();
  for (let seq = 1; seq <= 4; seq++) subject.frame(seq);
  assert.ok(subject.socket.isPaused);
  await nextTurn();
  await subject.buffer.answer('appended');
  assert.ok(subject.socket.isPaused);
  subject.registry.onFlushed([{ feed: 'egx', generation: 'g', seq: 1 }]);
  assert.not(subject.socket.isPaused);
});

test('frames without a number: their own window, answered by id', () => {
  const subject = new ConnectionUnderTest();
  subject.hear();
  for (const id of ['a', 'b', 'c', 'd']) subject.say({ action: 'publish', id, ticks: [['A', 1, 1]] });
  assert.ok(subject.socket.isPaused);
  subject.oneOff[1]?.onAck();
  subject.oneOff[1]?.onCommitted();
  assert.equal(subject.hear(), [
    { T: 'ack', id: 'b' },
    { T: 'committed', id: 'b' },
  ]);
  assert.not(subject.socket.isPaused);
});

test('drain: reading stops, frames taken are answered, and a commit does not resume reading', async () => {
  const subject = new ConnectionUnderTest();
  await subject.open();
  subject.frame(1);
  await nextTurn();
  let isDrained = false;
  const drained = subject.connection.drain(750).then(() => (isDrained = true));
  assert.equal(subject.hear(), [{ T: 'shutdown', reconnectAfterMs: 750 }]);
  assert.ok(subject.socket.isPaused);
  await nextTurn();
  assert.not(isDrained);
  await subject.buffer.answer('appended');
  await drained;
  subject.registry.onFlushed([{ feed: 'egx', generation: 'g', seq: 1 }]);
  assert.equal(subject.hear(), [
    { T: 'ack', seq: 1 },
    { T: 'committed', seq: 1 },
  ]);
  assert.ok(subject.socket.isPaused);
});

test('a client that closes while the gateway drains: the drain ends with the append under way', async () => {
  const subject = new ConnectionUnderTest();
  await subject.open();
  subject.frame(1);
  await nextTurn();
  const drained = subject.connection.drain(750);
  subject.connection.onClose();
  await subject.buffer.answer('appended');
  await drained;
  assert.is(subject.buffer.released.length, 1);
});

test('drain without a feed ends at once', async () => {
  await new ConnectionUnderTest().connection.drain(1);
});

test('a late auth is told; the keeper closes', () => {
  const subject = new ConnectionUnderTest({ principal: NOBODY });
  subject.hear();
  subject.connection.refuseLateAuth();
  subject.connection.end(4502, 'auth timeout');
  assert.equal(subject.hear(), [error(404, 'auth timeout')]);
  assert.equal(subject.socket.closed, [4502, 'auth timeout']);
});
