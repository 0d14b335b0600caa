import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';
import { frameBytes } from '../bad-input/frame-bytes.ts';
import { bearer, GatewayUnderTest, tokenOf } from '../bad-input/gateway-under-test.ts';
import { packed } from '../bad-input/message-bytes.ts';
import { StrangerSocket } from '../bad-input/stranger-socket.ts';

const RATE = 200;
const MAX_FEEDS = 2;

const test = suite('limits of feeds', { timeoutMs: 60_000 });
let subject: GatewayUnderTest;
test.before(async () => {
  subject = await GatewayUnderTest.start({
    FEED_RATE_FRAMES: String(RATE),
    MAX_FEEDS_PER_TOKEN: String(MAX_FEEDS),
    WINDOW_TICKS: '10000',
  });
});
test.after(() => subject[Symbol.asyncDispose]());

const tick = (symbol: string): { symbol: string; price: number; volume: number; timeMicros: number } => ({
  symbol,
  price: 1,
  volume: 1,
  timeMicros: Date.now() * 1_000,
});

async function opened(feed: string, port = subject.port): Promise<StrangerSocket> {
  const stranger = await StrangerSocket.upgraded(port, bearer('feed'));
  stranger.send(frameBytes({ payload: packed({ action: 'open', feed, instance: feed }) }));
  await stranger.until(({ messages, closeCode }) => messages.some(isAnswer) || closeCode !== undefined);
  return stranger;
}

function isAnswer(message: Readonly<Record<string, unknown>>): boolean {
  return message['T'] === 'opened' || message['T'] === 'error';
}

test(`a feed that is faster than ${RATE} frames/s is slowed down to it, and loses nothing`, async () => {
  const frames = RATE * 3;
  const startMs = Date.now();
  const states: string[] = [];
  const client = new FeedClient({
    url: subject.gateway.url,
    feed: 'fast',
    token: tokenOf('feed'),
    onState: (state) => states.push(state),
  });
  for (let at = 0; at < frames; at++) await client.publishFrame([tick('FAST')]);
  await client.close();
  assert.ok(Date.now() - startMs >= 1_800, 'two seconds for what is beyond the first second’s worth');
  assert.is(await subject.countTicks('FAST'), frames);
  assert.equal(
    states.filter((state) => state === 'open'),
    ['open'],
  );
});

test('a flood of frames in spite of the pause: 429 and 4029', async () => {
  await using slow = await GatewayUnderTest.start({ FEED_RATE_FRAMES: '20' });
  using flood = await opened('flood', slow.port);
  // What one read brings cannot be left unread, and of so small frames it brings many.
  const none = Buffer.concat(
    Array.from({ length: 6_000 }, (_, at) =>
      frameBytes({ payload: packed({ action: 'publish', seq: at + 1, prev: at, ticks: [] }) }),
    ),
  );
  flood.send(none);
  const { closeCode, messages } = await flood.until((answers) => answers.closeCode !== undefined, 30_000);
  assert.is(closeCode, 4029);
  assert.ok(messages.some((message) => message['code'] === 429));
});

test('frames far beyond the window: 424 and 4029', async () => {
  await using narrow = await GatewayUnderTest.start({ WINDOW_FRAMES: '10' });
  using feed = await opened('beyond', narrow.port);
  const frames = Array.from({ length: 500 }, (_, at) =>
    frameBytes({ payload: packed({ action: 'publish', seq: at + 1, prev: at, ticks: [] }) }),
  );
  feed.send(Buffer.concat(frames));
  const { closeCode, messages } = await feed.until((answers) => answers.closeCode !== undefined);
  assert.is(closeCode, 4029);
  assert.ok(messages.some((message) => message['code'] === 424));
});

test('more feeds open than a token may: 406 and 4504; a feed that comes again is not one more', async () => {
  await until('the feeds before are gone', async () => {
    using probe = await opened('probe-1');
    using other = await opened('probe-2');
    return [probe, other].every(({ answers }) => answers.messages.some((message) => message['T'] === 'opened'));
  });
  const open: StrangerSocket[] = [];
  await until('as many as may', async () => {
    for (const stranger of open.splice(0)) stranger.socket.destroy();
    for (let at = 0; at < MAX_FEEDS; at++) open.push(await opened(`many-${at}`));
    return open.every(({ answers }) => answers.messages.some((message) => message['T'] === 'opened'));
  });
  using more = await opened('many-more');
  await more.until(({ closeCode }) => closeCode !== undefined);
  assert.is(more.answers.closeCode, 4504);
  assert.ok(more.answers.messages.some((message) => message['code'] === 406));
  using again = await opened('many-0');
  assert.ok(again.answers.messages.some((message) => message['T'] === 'opened'));
  for (const stranger of open) stranger.socket.destroy();
});

test('frames without a number wait too: no more ticks of one connection than its window', async () => {
  await subject.market.db.query(`BEGIN; LOCK TABLE ${subject.market.prefix}_ticks IN ACCESS EXCLUSIVE MODE`);
  using stranger = await StrangerSocket.upgraded(subject.port, bearer('feed'));
  try {
    const ticks = Array.from({ length: 5_000 }, () => ['ONEOFF', 1, 1]);
    const message = frameBytes({ payload: packed({ action: 'publish', id: 1, ticks }) });
    for (let at = 0; at < 40; at++) stranger.send(message);
    const acks = (): number => stranger.answers.messages.filter((each) => each['T'] === 'ack').length;
    await stranger.until(() => acks() >= 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // A read may bring more than one, so a few above the window of two.
    assert.ok(acks() < 10, `${acks()} frames of 5,000 ticks taken`);
  } finally {
    await subject.market.db.query('ROLLBACK');
  }
  await until('all of them are stored', async () => (await subject.countTicks('ONEOFF')) === 200_000, 40_000);
});
