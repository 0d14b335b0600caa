import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';
import { frameBytes } from './frame-bytes.ts';
import { bearer, GatewayUnderTest, TOKENS, tokenRow } from './gateway-under-test.ts';
import { InnocentFeed } from './innocent-feed.ts';
import { packed } from './message-bytes.ts';
import { StrangerSocket, upgradeRequest } from './stranger-socket.ts';
import { UPGRADE_CASES } from './upgrade-cases.ts';

const HEADERS_DEADLINE_MS = 1_000;

const test = suite('bad input: the HTTP upgrade', { timeoutMs: 20_000 });
let subject: GatewayUnderTest;
let innocent: InnocentFeed;
test.before(async () => {
  subject = await GatewayUnderTest.start({
    HEADERS_DEADLINE_MS: String(HEADERS_DEADLINE_MS),
    MAX_UNAUTHENTICATED_PER_ADDRESS: '5',
    MAX_CONNECTING_PER_ADDRESS: '20',
  });
  innocent = new InnocentFeed(subject);
});
test.after(async () => {
  await innocent.close();
  await subject[Symbol.asyncDispose]();
});

for (const { id, name, request, expected, headers } of UPGRADE_CASES) {
  test(`${id} ${name}: ${expected.join(' or ')}`, async () => {
    await innocent.publish();
    using stranger = await StrangerSocket.connect(subject.port);
    stranger.send(Buffer.from(request, 'latin1'));
    const answers = await stranger.until(({ status, isEnded }) => status !== undefined || isEnded);
    assert.ok(expected.includes(answers.status ?? 'closed'), `answered ${answers.status ?? 'by closing'}`);
    for (const [header, pattern] of Object.entries(headers ?? {}))
      assert.match(answers.headers.get(header) ?? '', pattern);
    if (answers.status === 101) return;
    assert.ok(
      (await stranger.until(({ isEnded }) => isEnded)).isEnded || answers.status === 404,
      'the socket is closed',
    );
  });
}

/** Time until the gateway ended a connection whose bytes come one by one. */
async function endedAfterMs(request: string, everyMs: number): Promise<{ ms: number; status: number | undefined }> {
  using stranger = await StrangerSocket.connect(subject.port);
  const startMs = Date.now();
  let sent = 0;
  const timer = setInterval(() => {
    const next = request[sent++];
    if (next !== undefined) stranger.send(next);
  }, everyMs);
  const answers = await stranger.until(({ isEnded }) => isEnded, 15_000);
  clearInterval(timer);
  assert.ok(answers.isEnded);
  return { ms: Date.now() - startMs, status: answers.status };
}

/** The deadline, the interval of Node's check, and room for a busy machine. */
const LATEST_MS = HEADERS_DEADLINE_MS + 1_000 + 3_000;

test('U22 silence from the start: 408 after the deadline', async () => {
  const { ms, status } = await endedAfterMs('', 1_000);
  assert.is(status, 408);
  assert.ok(ms >= HEADERS_DEADLINE_MS - 50 && ms < LATEST_MS, `${ms} ms`);
});

test('U22 half a request, then silence: 408 after the deadline', async () => {
  const { ms, status } = await endedAfterMs(upgradeRequest().slice(0, 60), 1);
  assert.is(status, 408);
  assert.ok(ms < LATEST_MS, `${ms} ms`);
});

test('U23 a byte now and then: 408 after the deadline', async () => {
  const { ms, status } = await endedAfterMs(upgradeRequest(), 100);
  assert.is(status, 408);
  assert.ok(ms < LATEST_MS, `${ms} ms`);
});

test('U21 a reset at every stage of the upgrade', async () => {
  const request = upgradeRequest({ changes: bearer('feed') });
  for (const bytes of [0, 1, 50, request.length - 1, request.length]) {
    const stranger = await StrangerSocket.connect(subject.port);
    stranger.send(request.slice(0, bytes));
    stranger.socket.resetAndDestroy();
  }
  await innocent.publish();
});

test('U24 a second request after the upgrade: 1002', async () => {
  using stranger = await StrangerSocket.connect(subject.port);
  const request = upgradeRequest({ changes: bearer('feed') });
  stranger.send(request + request);
  const answers = await stranger.until(({ closeCode }) => closeCode !== undefined);
  assert.is(answers.status, 101);
  assert.is(answers.closeCode, 1002);
});

test('U28 frames that come with the upgrade are handled once and in order', async () => {
  using stranger = await StrangerSocket.connect(subject.port);
  const open = frameBytes({ payload: packed({ action: 'open', feed: 'egx-early' }) });
  const bad = frameBytes({ payload: packed({ action: 'nonsense' }) });
  stranger.send(Buffer.concat([Buffer.from(upgradeRequest({ changes: bearer('feed') })), open, bad]));
  const answers = await stranger.until(({ closeCode }) => closeCode !== undefined);
  assert.equal(
    answers.messages.map((message) => message['msg'] ?? message['T']),
    ['connected', 'authenticated', 'an unknown action'],
  );
  assert.is(answers.closeCode, 4501);
});

test('U25 more strangers of one address than may be: 429; whoever brings a token gets in', async () => {
  const strangers = await Promise.all(Array.from({ length: 5 }, () => StrangerSocket.upgraded(subject.port)));
  using refused = await StrangerSocket.connect(subject.port);
  refused.send(upgradeRequest());
  const answers = await refused.until(({ status }) => status !== undefined);
  assert.is(answers.status, 429);
  assert.match(answers.headers.get('retry-after') ?? '', /^\d+$/);
  using elsewhere = await StrangerSocket.upgraded(subject.port, {}, { localAddress: '127.9.9.9' });
  assert.is(elsewhere.answers.status, 101);
  using feed = await StrangerSocket.upgraded(subject.port, bearer('feed'));
  assert.is(feed.answers.status, 101);
  for (const stranger of strangers) stranger.socket.destroy();
  await until('connections are free again', async () => {
    using again = await StrangerSocket.connect(subject.port);
    again.send(upgradeRequest());
    return (await again.until(({ status }) => status !== undefined)).status === 101;
  });
});

test('U25 more silent sockets of one address than may be: the oldest are cut, and a feed gets in', async () => {
  const silent: StrangerSocket[] = [];
  for (let at = 0; at < 20; at++)
    silent.push(await StrangerSocket.connect(subject.port, { localAddress: '127.8.8.8' }));
  using late = await StrangerSocket.upgraded(subject.port, bearer('feed'), { localAddress: '127.8.8.8' });
  assert.is(late.answers.status, 101);
  await silent[0]?.until(({ isEnded }) => isEnded, HEADERS_DEADLINE_MS / 2);
  assert.equal(
    silent.map(({ answers }) => answers.isEnded),
    silent.map((_, at) => at === 0),
  );
  for (const stranger of silent) stranger.socket.destroy();
});

test('U25 a flood of requests with bodies that never come: none stays open, and feeds come and go', async () => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n';
  const flood = await Promise.all(Array.from({ length: 300 }, () => StrangerSocket.connect(subject.port)));
  for (const stranger of flood) stranger.send(post);
  for (let feeds = 0; feeds < 3; feeds++) {
    using feed = await StrangerSocket.upgraded(subject.port, bearer('feed'));
    assert.is(feed.answers.status, 101);
  }
  await until('all are ended', () => flood.every(({ answers }) => answers.isEnded));
});

test('U27 a gateway that drains: 503', async () => {
  const other = await GatewayUnderTest.start();
  const idle = await StrangerSocket.upgraded(other.port, bearer('feed'));
  const refused = await StrangerSocket.connect(other.port);
  const closing = other.gateway.close();
  refused.send(upgradeRequest({ changes: bearer('feed') }));
  const answers = await refused.until(({ status, isEnded }) => status !== undefined || isEnded);
  const told = await idle.until(({ closeCode }) => closeCode !== undefined);
  await closing;
  await other[Symbol.asyncDispose]();
  assert.is(answers.status, 503);
  assert.match(answers.headers.get('retry-after') ?? '', /^\d+$/);
  assert.is(told.closeCode, 4001);
  assert.ok(told.messages.some((message) => message['T'] === 'shutdown'));
});

test('S11 a revoked token: the live connection is cut with 4500, the others stay', async () => {
  using narrow = await StrangerSocket.upgraded(subject.port, bearer('narrow'));
  await subject.writeTokens([tokenRow('feed', TOKENS.feed), tokenRow('live', TOKENS.live)]);
  assert.is((await narrow.until(({ closeCode }) => closeCode !== undefined)).closeCode, 4500);
  using refused = await StrangerSocket.connect(subject.port);
  refused.send(upgradeRequest({ changes: bearer('narrow') }));
  assert.is((await refused.until(({ status }) => status !== undefined)).status, 401);
});

test('S12 a large message before authentication is neither gathered nor read: cut long before its end', async () => {
  const large = frameBytes({ payload: Buffer.alloc(200_000, 0x20) });
  using gathered = await StrangerSocket.upgraded(subject.port);
  // Piece by piece, as over a real network: all at once it would be there before anybody could cut.
  let sent = 0;
  while (sent < large.length && !gathered.answers.isEnded) {
    gathered.send(large.subarray(sent, sent + 4_096));
    sent += 4_096;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok((await gathered.until(({ isEnded }) => isEnded)).isEnded);
  assert.ok(sent < 100_000, `${sent} bytes`);
  using whole = await StrangerSocket.upgraded(subject.port);
  whole.send(frameBytes({ payload: Buffer.alloc(8_000, 0x20) }));
  assert.is((await whole.until(({ closeCode }) => closeCode !== undefined)).closeCode, 1009);
});

test('S13 a live token takes all it may: feeds get in, and so does another token', async () => {
  await using other = await GatewayUnderTest.start({ MAX_CONNECTIONS: '20', MAX_UNAUTHENTICATED_PER_ADDRESS: '50' });
  await other.writeTokens([
    ...Object.entries(TOKENS).map(([name, rights]) => tokenRow(name, rights)),
    tokenRow('second', { roles: ['live'] }),
  ]);
  const live = (name: string): string =>
    upgradeRequest({ requestLine: 'GET /v1/live HTTP/1.1', changes: bearer(name) });
  await until('the second token is known', async () => {
    using asking = await StrangerSocket.connect(other.port);
    asking.send(live('second'));
    return (await asking.until(({ status }) => status !== undefined)).status === 101;
  });
  const sockets = await Promise.all(Array.from({ length: 30 }, () => StrangerSocket.connect(other.port)));
  for (const [at, socket] of sockets.entries()) socket.send(live(at < 15 ? 'live' : 'second'));
  for (const socket of sockets) await socket.until(({ status }) => status !== undefined);
  const count = (wanted: number): number => sockets.filter(({ answers }) => answers.status === wanted).length;
  assert.equal([count(101), count(429) + count(503)], [18, 12]);
  using feed = await StrangerSocket.upgraded(other.port, bearer('feed'));
  assert.is(feed.answers.status, 101);
  for (const socket of sockets) socket.socket.destroy();
});

test('S17 failed authentications are counted by endpoint and reason', async () => {
  using wrong = await StrangerSocket.connect(subject.port);
  wrong.send(upgradeRequest({ changes: { Authorization: 'Bearer wrong' } }));
  assert.is((await wrong.until(({ status }) => status !== undefined)).status, 401);
  using message = await StrangerSocket.upgraded(subject.port);
  message.send(frameBytes({ payload: packed({ action: 'auth', token: 'wrong' }) }));
  assert.is((await message.until(({ closeCode }) => closeCode !== undefined)).closeCode, 4500);
  await until('both are counted', async () => {
    const text = await (await fetch(`${subject.gateway.url}/metrics`)).text();
    return ['unknown_token', 'refused'].every((reason) =>
      new RegExp(`tickgate_auth_failures_total\\{endpoint="feed",reason="${reason}"\\} [1-9]`).test(text),
    );
  });
});

test('the innocent feed did not notice', async () => {
  await innocent.assertUnharmed();
});
