import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { FRAME_CASES } from './frame-cases.ts';
import { frameBytes, OPCODE } from './frame-bytes.ts';
import { bearer, GatewayUnderTest } from './gateway-under-test.ts';
import { InnocentFeed } from './innocent-feed.ts';
import { packed } from './message-bytes.ts';
import { StrangerSocket } from './stranger-socket.ts';

const AUTH_DEADLINE_MS = 1_000;
const PING_INTERVAL_MS = 500;
/** `ws` destroys a socket whose close is not answered after 5 s. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Long enough for an answer that should not come. */
const QUIET_MS = 100;

const test = suite('bad input: WebSocket frames', { timeoutMs: 30_000 });
let subject: GatewayUnderTest;
let innocent: InnocentFeed;
test.before(async () => {
  subject = await GatewayUnderTest.start({
    AUTH_DEADLINE_MS: String(AUTH_DEADLINE_MS),
    PING_INTERVAL_MS: String(PING_INTERVAL_MS),
    FEED_QUEUE_BYTES: '65536',
  });
  innocent = new InnocentFeed(subject);
});
test.after(async () => {
  await innocent.close();
  await subject[Symbol.asyncDispose]();
});

function upgraded(options: { readonly codec?: 'json'; readonly answersClose?: boolean } = {}): Promise<StrangerSocket> {
  const protocol = options.codec === 'json' ? { 'Sec-WebSocket-Protocol': 'tickgate.v1.json' } : {};
  return StrangerSocket.upgraded(subject.port, { ...bearer('feed'), ...protocol }, options);
}

for (const { id, name, writes, codec, expected, error } of FRAME_CASES) {
  test(`${id} ${name}: ${expected}`, async () => {
    await innocent.publish();
    using stranger = await upgraded(codec === undefined ? {} : { codec });
    for (const bytes of writes) stranger.send(bytes);
    const limitMs = expected === 'open' ? QUIET_MS : undefined;
    const answers = await stranger.until(({ closeCode, isEnded }) => closeCode !== undefined || isEnded, limitMs);
    assert.is(answers.closeCode ?? (answers.isEnded ? 'cut' : 'open'), expected);
    const codes = answers.messages.filter((message) => message['T'] === 'error').map((message) => message['code']);
    assert.equal(codes, error === undefined ? [] : [error]);
  });
}

test('W9 a message of 64 KiB in segments of one byte: taken or 1008, never a fault', async () => {
  using stranger = await upgraded();
  const message = frameBytes({ payload: Buffer.alloc(65_536, 0xc1) });
  for (const byte of message.subarray(0, 20_000)) stranger.send(Buffer.from([byte]));
  stranger.send(message.subarray(20_000));
  const { closeCode } = await stranger.until((answers) => answers.closeCode !== undefined);
  assert.ok(closeCode === 1008 || closeCode === 4501, String(closeCode));
});

test('W10 a fragment of a stranger that is held open: 4502 at the authentication deadline', async () => {
  using stranger = await StrangerSocket.upgraded(subject.port);
  stranger.send(frameBytes({ fin: false, payload: Buffer.alloc(1_000) }));
  const answers = await stranger.until(({ closeCode }) => closeCode !== undefined);
  assert.is(answers.closeCode, 4502);
});

test('W14 pings in a steady stream: cut with 4029', async () => {
  using stranger = await upgraded();
  const timer = setInterval(() => stranger.send(frameBytes({ opcode: OPCODE.ping })), 10);
  const answers = await stranger.until(({ closeCode }) => closeCode !== undefined);
  clearInterval(timer);
  assert.is(answers.closeCode, 4029);
  assert.ok(answers.pongs <= 25, `${answers.pongs} answered`);
});

test('W14 a ping now and then is answered', async () => {
  using stranger = await upgraded();
  for (let sent = 0; sent < 4; sent++) {
    stranger.send(frameBytes({ opcode: OPCODE.ping }));
    await stranger.until(({ pongs }) => pongs > sent);
  }
  assert.is(stranger.answers.pongs, 4);
  assert.is(stranger.answers.closeCode, undefined);
});

test('W16 pongs that never come: cut after two pings', async () => {
  using stranger = await upgraded();
  const startMs = Date.now();
  const answers = await stranger.until(({ isEnded }) => isEnded, 15_000);
  assert.ok(answers.isEnded);
  assert.ok(Date.now() - startMs >= PING_INTERVAL_MS, 'not before the second ping');
});

test('W18 a close that is never answered: the socket ends all the same', async () => {
  using stranger = await upgraded({ answersClose: false });
  stranger.send(frameBytes({ payload: packed({ action: 'nonsense' }) }));
  await stranger.until(({ closeCode }) => closeCode !== undefined);
  assert.not(stranger.answers.isEnded);
  assert.ok((await stranger.until(({ isEnded }) => isEnded, CLOSE_TIMEOUT_MS + 5_000)).isEnded);
});

test('W19 answers that are never read: cut', async () => {
  using stranger = await upgraded();
  stranger.socket.pause();
  const rows = Array.from({ length: 1_000 }, () => ['', 0, 0]);
  const bad = frameBytes({ payload: packed({ action: 'publish', id: 'x'.repeat(100), ticks: rows }) });
  const deadlineMs = Date.now() + 20_000;
  while (!stranger.answers.isEnded && Date.now() < deadlineMs) {
    if (stranger.socket.writableLength < 1_000_000) stranger.send(bad);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok(stranger.answers.isEnded);
});

test('W20 no token in time: 404 and 4502', async () => {
  using stranger = await StrangerSocket.upgraded(subject.port);
  const startMs = Date.now();
  const answers = await stranger.until(({ closeCode }) => closeCode !== undefined);
  assert.is(answers.closeCode, 4502);
  assert.equal(
    answers.messages.map((message) => message['code'] ?? message['msg']),
    ['connected', 404],
  );
  assert.ok(Date.now() - startMs >= AUTH_DEADLINE_MS - 300);
});

test('W23 a reset in the middle of a frame', async () => {
  const frame = frameBytes({ payload: packed({ action: 'open', feed: 'egx-reset' }) });
  for (let bytes = 0; bytes <= frame.length; bytes += 3) {
    const stranger = await upgraded();
    stranger.send(frame.subarray(0, bytes));
    stranger.socket.resetAndDestroy();
  }
  await innocent.publish();
});

test('the innocent feed did not notice', async () => {
  await innocent.assertUnharmed();
});
