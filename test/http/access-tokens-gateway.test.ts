import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { GatewayUnderTest } from '../bad-input/gateway-under-test.ts';
import { suite } from '../support/suite.ts';
import { AUDIENCE, ISSUER, TestKey } from '../support/test-issuer.ts';
import { until } from '../support/test-market.ts';
import { tokenOf, tokenRow } from '../support/test-tokens.ts';

const ENDPOINTS = ['/v1/feed', '/v1/live'] as const;
const WAYS = ['header', 'message'] as const;
const BOTH_ROLES = { roles: ['feed', 'live'] };
/** A second, and the tick of the socket keeper. */
const SEEN_WITHIN_MS = 1_500;

const test = suite('access of a gateway');
const key = new TestKey('one');
let folder = '';
let gateway: GatewayUnderTest;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-access-'));
  const keyFile = join(folder, 'key.pem');
  await writeFile(keyFile, key.pem);
  gateway = await GatewayUnderTest.start({
    JWT_KEY_FILE: keyFile,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_CLOCK_TOLERANCE_MS: '0',
    GATEWAY_TOKENS_GRACE_MS: '500',
  });
});
test.after(async () => {
  await gateway[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Client {
  readonly closed: Promise<number>;
  readonly socket: WebSocket;
}

/** A client that has been told `authenticated`, or refused. */
async function connect(path: string, token: string, way: (typeof WAYS)[number]): Promise<Client> {
  const headers = way === 'header' ? { Authorization: `Bearer ${token}` } : {};
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, ['tickgate.v1.json'], { headers });
  const closed = once(socket, 'close').then(([code]) => Number(code));
  let text = '';
  socket.on('message', (data: Buffer) => (text += data.toString()));
  await once(socket, 'open');
  if (way === 'message') socket.send(JSON.stringify({ action: 'auth', token }));
  const isAnswered = (): boolean => text.includes('"authenticated"') || socket.readyState === WebSocket.CLOSED;
  await until('it is authenticated or refused', isAnswered);
  return { closed, socket };
}

/** Status of an upgrade that is refused. */
async function refusal(path: string, token: string): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` };
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, ['tickgate.v1.json'], { headers });
  socket.on('error', () => undefined);
  const [, response] = await once(socket, 'unexpected-response');
  assert.ok(typeof response === 'object' && response !== null && 'statusCode' in response);
  socket.terminate();
  return Number(response.statusCode);
}

async function statusOf(path: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${gateway.gateway.url}${path}`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

async function closesWithin(client: Client, limitMs: number): Promise<number> {
  const late = new Promise<number>((resolve) => setTimeout(resolve, limitMs, -1).unref());
  return Promise.race([client.closed, late]);
}

test('a JWT by header or message opens either endpoint, and exp closes it with 4500', async () => {
  const exp = Math.floor(Date.now() / 1_000) + 2;
  const token = await key.sign({ claims: { ...BOTH_ROLES, exp } });
  const ways = ENDPOINTS.flatMap((path) => WAYS.map((way) => connect(path, token, way)));
  const clients = await Promise.all(ways);
  assert.ok(clients.every(({ socket }) => socket.readyState === WebSocket.OPEN));
  const codes = await Promise.all(
    clients.map(async (client) => {
      const code = await closesWithin(client, exp * 1_000 - Date.now() + 1_000);
      return [code, Date.now() >= exp * 1_000];
    }),
  );
  assert.equal(
    codes,
    Array.from({ length: 4 }, () => [4500, true]),
  );
  for (const path of ENDPOINTS) assert.is(await refusal(path, token), 401);
});

test('a JWT that is forged is 401 with the upgrade and 4500 by message', async () => {
  const token = await new TestKey('one').sign({ claims: BOTH_ROLES });
  for (const path of ENDPOINTS) {
    assert.is(await refusal(path, token), 401);
    assert.is(await (await connect(path, token, 'message')).closed, 4500);
  }
  assert.is(await statusOf('/api/symbols', token), 401);
});

test('a JWT reads the API until it ends; its roles and symbols hold there', async () => {
  const exp = Math.floor(Date.now() / 1_000) + 2;
  const reader = await key.sign({ claims: { exp } });
  assert.is(await statusOf('/api/symbols', reader), 200);
  assert.is(await statusOf('/api/symbols', await key.sign({ claims: { roles: ['feed'] } })), 403);
  await until('it has ended', () => Date.now() >= exp * 1_000);
  assert.is(await statusOf('/api/symbols', reader), 401);
});

test('a dashboard that sends its subscription right behind a JWT is served', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/v1/live`, ['tickgate.v1.json']);
  let text = '';
  socket.on('message', (data: Buffer) => (text += data.toString()));
  await once(socket, 'open');
  socket.send(JSON.stringify({ action: 'auth', token: await key.sign() }));
  socket.send(JSON.stringify({ action: 'subscribe', trades: ['COMI'] }));
  await until('it is subscribed', () => text.includes('"subscription"'));
  assert.ok(text.indexOf('"authenticated"') < text.indexOf('"subscription"'));
  socket.terminate();
});

for (const [name, end] of [
  ['expires', async (): Promise<void> => undefined],
  ['is removed', (): Promise<void> => gateway.writeTokens([tokenRow('other', BOTH_ROLES)])],
] as const) {
  test(`a row that ${name}: its connections are closed with 4500, its API calls are 401`, async () => {
    const expires = new Date(Date.now() + (name === 'expires' ? 2_000 : 3_600_000)).toISOString();
    await gateway.writeTokens([tokenRow('ends', { ...BOTH_ROLES, expires }), tokenRow('other', BOTH_ROLES)]);
    await until('the row is read', async () => (await statusOf('/api/symbols', tokenOf('ends'))) === 200);
    const clients = await Promise.all(ENDPOINTS.map(async (path) => connect(path, tokenOf('ends'), 'header')));
    const stays = await connect('/v1/live', tokenOf('other'), 'header');
    await end();
    if (name === 'expires') await until('it has ended', () => Date.now() >= Date.parse(expires));
    else await until('it is read', async () => (await statusOf('/api/symbols', tokenOf('ends'))) === 401);
    assert.is(await statusOf('/api/symbols', tokenOf('ends')), 401);
    for (const client of clients) assert.is(await closesWithin(client, SEEN_WITHIN_MS), 4500);
    assert.is(stays.socket.readyState, WebSocket.OPEN);
    stays.socket.terminate();
  });
}

test('a tokens file that is deleted: readyz and a metric say so, its connections end after the grace time', async () => {
  await gateway.writeTokens([tokenRow('a', BOTH_ROLES)]);
  await until('the row is read', async () => (await statusOf('/api/symbols', tokenOf('a'))) === 200);
  const client = await connect('/v1/live', tokenOf('a'), 'header');
  const jwt = await connect('/v1/live', await key.sign(), 'header');
  const text = await readFile(gateway.tokensFile, 'utf8');
  await rm(gateway.tokensFile);
  assert.is(await closesWithin(client, 3_000), 1013);
  assert.is(await statusOf('/readyz'), 503);
  const metrics = await (await fetch(`${gateway.gateway.url}/metrics`)).text();
  assert.match(metrics, 'tickgate_up{dependency="tokens"} 0');
  assert.match(metrics, 'tickgate_up{dependency="jwt_keys"} 1');
  assert.is(await refusal('/v1/live', tokenOf('a')), 503);
  assert.is(await statusOf('/api/symbols', tokenOf('a')), 503);
  assert.is(jwt.socket.readyState, WebSocket.OPEN, 'JWTs do not rest on that file');
  await writeFile(gateway.tokensFile, text);
  await until('it works again', async () => (await statusOf('/api/symbols', tokenOf('a'))) === 200);
  assert.is(await statusOf('/readyz'), 200);
  jwt.socket.terminate();
});

test('an emptied list and a row that is not valid: ready, nobody gets in, and the row is counted', async () => {
  await gateway.writeTokens([{ name: 'typo', sha256: 'ab', roles: ['feed'] }]);
  await until('it is read', async () => (await statusOf('/api/symbols', tokenOf('a'))) === 401);
  const metrics = await (await fetch(`${gateway.gateway.url}/metrics`)).text();
  assert.match(metrics, 'tickgate_tokens_refused_rows 1');
  await gateway.writeTokens([]);
  await until('it is read', () => gateway.gateway.readiness().dependencies['tokens']?.detail === '0 tokens');
  assert.is(await statusOf('/readyz'), 200);
  assert.is(await refusal('/v1/feed', tokenOf('a')), 401);
  assert.is(await statusOf('/api/symbols'), 401);
});
