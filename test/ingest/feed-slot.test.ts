import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import { FeedRegistry } from '../../src/ingest/feed-registry.ts';
import { FeedSlot } from '../../src/ingest/feed-slot.ts';
import { TokenFeeds } from '../../src/ingest/token-feeds.ts';
import type { OpenRequest } from '../../src/protocol/feed-request.ts';
import { suite } from '../support/suite.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeObserver } from './fake-observer.ts';
import { FakeOpener, opened } from './fake-opener.ts';

const test = suite('feed slot');

/** A slot whose opener is answered by hand. */
class SlotUnderTest {
  readonly buffer = new FakeBuffer();
  readonly opener = new FakeOpener();
  readonly registry = new FeedRegistry({ run: 'r', feedStates: async () => [], readRows: async () => new Map() });
  /** `opened a`, `refused a late`, `ended a reopen`. */
  readonly told: string[] = [];
  readonly slot: FeedSlot;

  constructor(tokenFeeds: TokenFeeds = new TokenFeeds(2)) {
    const { buffer, opener, registry, told } = this;
    this.slot = new FeedSlot({
      services: { buffer, opener, registry, tokenFeeds, observer: new FakeObserver() },
      limits: { windowFrames: 4, windowTicks: 100 },
      connectionId: 'c',
      peer: { reply: () => undefined, setReading: () => undefined },
      onOpened: (feed, { position }) => told.push(`opened ${feed} at ${position}`),
      onRefused: (feed, { outcome }) => told.push(`refused ${feed} ${outcome}`),
      onEnd: (feed, end) => told.push(`ended ${feed} ${end.kind}`),
    });
  }

  async ask(feed: string, instance?: string): Promise<ReturnType<FeedSlot['open']>> {
    const request: OpenRequest = { action: 'open', feed, instance, attempt: 2, have: 7, live: true };
    const result = this.slot.open(request, 'token');
    await nextTurn();
    return result;
  }

  async open(feed: string, position = 0): Promise<void> {
    assert.is(await this.ask(feed), 'opening');
    await this.opener.answer(opened(position));
  }

  async publish(seq: number): Promise<void> {
    this.slot.session?.publish(seq, seq - 1, { rows: Buffer.of(0x90), count: 0, rejected: [] });
    await nextTurn();
  }
}

test('an open carries the claim, and gives a session that the registry knows', async () => {
  const subject = new SlotUnderTest();
  const { opener, slot, registry, told, buffer } = subject;
  await subject.ask('a', 'i');
  const { session, ...claim } = opener.opens[0]?.claim ?? {};
  assert.equal(claim, { instance: 'i', attempt: 2, have: 7 });
  assert.is(slot.session, undefined);
  await opener.answer(opened(7));
  assert.equal(told, ['opened a at 7']);
  assert.is(registry.size, 1);
  await subject.publish(8);
  const [append] = buffer.appends;
  assert.equal([append?.feed, append?.session, append?.writer, append?.last], ['a', session, 'i', 8]);
});

test('a feed without an instance gets another at each open', async () => {
  const subject = new SlotUnderTest();
  await subject.open('a');
  await subject.open('a');
  const [first, second] = subject.opener.opens.map(({ claim }) => claim.instance);
  assert.ok(first?.startsWith('c-') && second?.startsWith('c-'));
  assert.is.not(first, second);
});

test('the next open waits until the feed before it is answered and released', async () => {
  const subject = new SlotUnderTest();
  await subject.open('a');
  await subject.publish(1);
  await subject.ask('b');
  assert.is(subject.opener.opens.length, 1);
  assert.is(subject.slot.session, undefined);
  assert.is(subject.registry.size, 0, 'the first is told nothing any more');
  await subject.buffer.answer('appended');
  assert.equal(
    subject.buffer.released.map(([feed]) => feed),
    ['a'],
  );
  assert.is(subject.opener.opens[1]?.feed, 'b');
});

test('opens at once: at most 8 wait, and they are answered in their order', async () => {
  const subject = new SlotUnderTest(new TokenFeeds(100));
  const request = { action: 'open', instance: 'i', attempt: 1, have: 0, live: true } as const;
  for (let at = 0; at < 8; at++) assert.is(subject.slot.open({ ...request, feed: `f${at}` }, 'token'), 'opening');
  assert.is(subject.slot.open({ ...request, feed: 'more' }, 'token'), 'too-many-opens');
  for (let at = 0; at < 8; at++) {
    await nextTurn();
    assert.is(subject.opener.opens.length, at + 1);
    await subject.opener.answer({ outcome: 'not-now', why: '' });
  }
  assert.equal(
    subject.told,
    Array.from({ length: 8 }, (_, at) => `refused f${at} not-now`),
  );
});

test('feeds of a token: counted while open, changed by the next open, free when it is left', async () => {
  const tokenFeeds = new TokenFeeds(1);
  const [first, again, other] = [1, 2, 3].map(() => new SlotUnderTest(tokenFeeds));
  await first?.open('a');
  await first?.open('b');
  assert.is(await other?.ask('a'), 'too-many-feeds');
  assert.is(await again?.ask('b'), 'opening', 'a feed that connects again');
  first?.slot.leave();
  assert.is(await other?.ask('a'), 'too-many-feeds');
  again?.slot.leave();
  assert.is(await other?.ask('a'), 'opening');
});

test('a session that ends by itself empties the slot before it is told', async () => {
  const subject = new SlotUnderTest();
  await subject.open('a', 5);
  await subject.publish(9);
  assert.equal(subject.told, ['opened a at 5', 'ended a reopen']);
  assert.is(subject.slot.session, undefined);
  assert.is(subject.registry.size, 0);
});

test('leave: the session is released, and opens that wait do not come', async () => {
  const subject = new SlotUnderTest();
  await subject.open('a');
  await subject.publish(1);
  await subject.ask('b');
  subject.slot.leave();
  await subject.buffer.answer('appended');
  assert.is(subject.buffer.released.length, 1);
  assert.is(subject.opener.opens.length, 1);
});

test('leave while a feed is opened: what was opened is released, and nobody is told', async () => {
  const subject = new SlotUnderTest();
  await subject.ask('a');
  subject.slot.leave();
  await subject.opener.answer(opened(0));
  assert.equal(subject.buffer.released, [['a', subject.opener.opens[0]?.claim.session]]);
  assert.equal([subject.told, subject.registry.size], [[], 0]);
});
