import type { FastifyInstance } from 'fastify';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { createHttpServer } from '../../src/http/http-server.ts';
import { setLogLevel } from '../../src/logger.ts';
import { StrangerSocket } from '../bad-input/stranger-socket.ts';
import { suite } from '../support/suite.ts';

const test = suite('plain HTTP sockets', { timeoutMs: 20_000 });
test.before(() => setLogLevel('silent'));

const HOST = 'Host: localhost\r\n';
const GET = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST / HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n`;
const LARGE = 'x'.repeat(64 * 1024 * 1024);

async function listen(env: Record<string, string> = {}): Promise<{ app: FastifyInstance; port: number }> {
  const app = createHttpServer(loadConfig(env));
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/large', (_request, reply) => reply.type('text/plain').send(LARGE));
  app.get('/never', () => new Promise(() => undefined));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, port: Number(new URL(url).port) };
}

const isEnded = async (stranger: StrangerSocket, limitMs = 3_000): Promise<boolean> =>
  (await stranger.until((answers) => answers.isEnded, limitMs)).isEnded;
const statusOf = async (stranger: StrangerSocket): Promise<number | undefined> =>
  (await stranger.until(({ status, isEnded: isOver }) => status !== undefined || isOver, 3_000)).status;

test('the deadlines in force are those that were asked for', async () => {
  const { app } = await listen({ HEADERS_DEADLINE_MS: '500' });
  assert.is(app.server.headersTimeout, 500);
  assert.is(app.server.requestTimeout, 5_500);
  assert.is(app.server.keepAliveTimeout, 5_000);
  assert.is(Reflect.get(app.server, 'connectionsCheckingInterval'), 500);
  await app.close();
});

test('a server whose deadlines were set by somebody else does not start', async () => {
  const app = createHttpServer(loadConfig({}));
  app.server.requestTimeout = 0;
  try {
    await app.listen({ host: '127.0.0.1', port: 0 });
    assert.unreachable('it listens');
  } catch (error) {
    assert.match(String(error), /requestTimeout is 0, not 10000/);
  }
  await app.close();
});

test('a body that never comes: answered and closed at once, whatever it announces', async () => {
  const { app, port } = await listen();
  const chunked = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
  for (const request of [POST, chunked, POST.replace('POST', 'GET'), POST.replace('POST /', 'PUT /healthz')]) {
    using stranger = await StrangerSocket.connect(port);
    stranger.send(request);
    assert.ok(await isEnded(stranger, 1_000), request);
    assert.ok([413, 404].includes(stranger.answers.status ?? 0), String(stranger.answers.status));
  }
  await app.close();
});

test('headers that trickle end at their deadline', async () => {
  const { app, port } = await listen({ HEADERS_DEADLINE_MS: '300' });
  using stranger = await StrangerSocket.connect(port);
  stranger.send('GET / HTTP/1.1\r\nX: ');
  const trickle = setInterval(() => stranger.send('x'), 50);
  assert.ok(await isEnded(stranger));
  clearInterval(trickle);
  await app.close();
});

test('an answer that is not read, and one that does not come, end at the deadline; one that is read does not', async () => {
  const { app, port } = await listen({ ANSWER_DEADLINE_MS: '800' });
  using unread = await StrangerSocket.connect(port);
  unread.socket.pause();
  unread.send(`GET /large HTTP/1.1\r\n${HOST}\r\n`);
  using unanswered = await StrangerSocket.connect(port);
  unanswered.send(`GET /never HTTP/1.1\r\n${HOST}\r\n`);
  using good = await StrangerSocket.connect(port);
  const polite = setInterval(() => good.send(GET), 100);
  assert.ok(await isEnded(unanswered));
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.is(await connectionsOf(app), 1);
  clearInterval(polite);
  assert.not(good.answers.isEnded);
  await app.close();
});

test('more pipelined requests than any client sends: cut', async () => {
  const { app, port } = await listen();
  using stranger = await StrangerSocket.connect(port);
  stranger.send(`GET /never HTTP/1.1\r\n${HOST}\r\n`.repeat(17));
  assert.ok(await isEnded(stranger));
  using good = await StrangerSocket.connect(port);
  good.send(GET.repeat(16));
  assert.is(await statusOf(good), 200);
  await app.close();
});

test('an address fills all its sockets, of any kind: the oldest makes room for the next', async () => {
  const { app, port } = await listen({ MAX_PLAIN_PER_ADDRESS: '3' });
  const strangers = [];
  for (const request of ['', `GET /never HTTP/1.1\r\n${HOST}\r\n`, GET]) {
    const stranger = await StrangerSocket.connect(port);
    stranger.send(request);
    await new Promise((resolve) => setTimeout(resolve, 30));
    strangers.push(stranger);
  }
  // First the one that asks for nothing, then the idle one, then the one that waits for its answer.
  for (const cut of [0, 2, 1]) {
    const next = await StrangerSocket.connect(port);
    next.send(`GET /never HTTP/1.1\r\n${HOST}\r\n`);
    const victim = strangers[cut];
    assert.ok(victim !== undefined && (await isEnded(victim, 1_000)), `socket ${cut}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.is(await connectionsOf(app), 3);
  }
  await app.close();
});

test('one address fills all sockets there are: another one’s stay, and it gets more', async () => {
  const { app, port } = await listen({ MAX_PLAIN_SOCKETS: '10' });
  using good = await StrangerSocket.connect(port, { localAddress: '127.0.0.2' });
  good.send(GET);
  assert.is(await statusOf(good), 200);
  const strangers = await Promise.all(Array.from({ length: 20 }, () => StrangerSocket.connect(port)));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.is(strangers.filter((stranger) => stranger.answers.isEnded).length, 11);
  using second = await StrangerSocket.connect(port, { localAddress: '127.0.0.2' });
  second.send(GET);
  assert.is(await statusOf(second), 200);
  assert.not(good.answers.isEnded);
  assert.is(await connectionsOf(app), 10);
  for (const stranger of strangers) stranger.socket.destroy();
  await app.close();
});

test('what is gone is not counted: sockets come and go for ever', async () => {
  const { app, port } = await listen({ MAX_PLAIN_PER_ADDRESS: '2', MAX_CONNECTING_PER_ADDRESS: '2' });
  using kept = await StrangerSocket.connect(port);
  for (let round = 0; round < 20; round++) {
    using passing = await StrangerSocket.connect(port);
    passing.send(round % 2 === 0 ? GET : 'GET / HT');
    if (round % 2 === 0) assert.is(await statusOf(passing), 200);
    passing.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  kept.send(GET);
  assert.is(await statusOf(kept), 200);
  await app.close();
});

test('localhost: one server listens, with the same deadlines', async () => {
  const app = createHttpServer(loadConfig({}));
  await app.listen({ host: 'localhost', port: 0 });
  assert.is(app.addresses().length, 1);
  await app.close();
});

function connectionsOf(app: FastifyInstance): Promise<number> {
  return new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
}
