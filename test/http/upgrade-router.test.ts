import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { type Admission, ConnectionLimits } from '../../src/http/connection-limits.ts';
import { UpgradeRouter } from '../../src/http/upgrade-router.ts';
import { frameBytes } from '../bad-input/frame-bytes.ts';
import { bearer, tokenRow } from '../bad-input/gateway-under-test.ts';
import { StrangerSocket, upgradeRequest } from '../bad-input/stranger-socket.ts';
import { suite } from '../support/suite.ts';

const test = suite('upgrades by origin and address');
let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-router-'));
  await writeFile(join(folder, 'tokens.json'), JSON.stringify({ tokens: [tokenRow('live', { roles: ['live'] })] }));
});
test.after(() => rm(folder, { recursive: true }));

interface Options {
  readonly isOpen?: boolean;
  readonly trustProxy?: boolean;
  readonly perAddress?: number;
  readonly maxConnections?: number;
  readonly onAccept?: (admission: Admission) => void;
}

/** A server with an endpoint that browsers may use. */
async function listen(options: Options = {}): Promise<{ port: number; server: Server; tokens: AccessTokens }> {
  const tokens = new AccessTokens(options.isOpen === true ? undefined : join(folder, 'tokens.json'));
  const router = new UpgradeRouter({
    endpoints: [
      {
        path: '/v1/live',
        kind: 'live',
        defaultCodec: 'json',
        maxMessageBytes: 1_000_000,
        allowsBrowsers: true,
        accept: (_socket, _codec, _principal, admission) => options.onAccept?.(admission),
      },
    ],
    tokens,
    limits: new ConnectionLimits({
      maxConnections: options.maxConnections ?? 100,
      maxUnauthenticatedPerAddress: options.perAddress ?? 100,
      feedReservePercent: 10,
      tokenSharePercent: 50,
    }),
    trustProxy: options.trustProxy ?? false,
    allowedOrigins: new Set(['https://good.test']),
    maxFragments: 16,
    maxAuthMessageBytes: 512,
  });
  const server = createServer();
  router.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is one
  return { port: (server.address() as AddressInfo).port, server, tokens };
}

async function upgraded(port: number, changes: Record<string, string>): Promise<StrangerSocket> {
  const stranger = await StrangerSocket.connect(port);
  stranger.send(upgradeRequest({ requestLine: 'GET /v1/live HTTP/1.1', changes }));
  assert.is((await stranger.until(({ status, isEnded }) => status !== undefined || isEnded)).status, 101);
  return stranger;
}

async function statusOf(port: number, changes: Record<string, string>): Promise<number | undefined> {
  using stranger = await StrangerSocket.connect(port);
  stranger.send(upgradeRequest({ requestLine: 'GET /v1/live HTTP/1.1', changes }));
  return (await stranger.until(({ status, isEnded }) => status !== undefined || isEnded)).status;
}

interface OriginCase {
  readonly origin: string;
  readonly host?: string;
  readonly isOpen?: boolean;
  readonly expected: number;
}

const ORIGINS: readonly OriginCase[] = [
  { origin: 'http://gateway.test', expected: 101 },
  { origin: 'https://gateway.test', expected: 101 },
  { origin: 'https://good.test', expected: 101 },
  { origin: 'http://good.test', expected: 403 },
  { origin: 'https://good.test:8443', expected: 403 },
  { origin: 'https://good.test.evil.test', expected: 403 },
  { origin: 'https://evil.test/https://good.test', expected: 403 },
  { origin: 'https://notgood.test', expected: 403 },
  { origin: 'HTTPS://GOOD.TEST', expected: 403 },
  { origin: 'null', expected: 403 },
  { origin: '', expected: 403 },
  { origin: 'http://gateway.test:1', expected: 403 },
  { origin: 'http://localhost:8080', host: 'localhost:8080', isOpen: true, expected: 101 },
  { origin: 'http://127.0.0.1:8080', host: '127.0.0.1:8080', isOpen: true, expected: 101 },
  { origin: 'http://evil.test:8080', host: 'evil.test:8080', isOpen: true, expected: 403 },
  { origin: 'http://127.0.0.1.evil.test', host: '127.0.0.1.evil.test', isOpen: true, expected: 403 },
];
for (const { origin, host = 'gateway.test', isOpen = false, expected } of ORIGINS) {
  test(`${isOpen ? 'without tokens, ' : ''}Origin "${origin}" at ${host}: ${expected}`, async () => {
    const { port, server, tokens } = await listen({ isOpen });
    assert.is(await statusOf(port, { Origin: origin, Host: host }), expected);
    tokens[Symbol.dispose]();
    server.closeAllConnections();
    server.close();
  });
}

test('behind a trusted proxy strangers are counted by the address it forwards; else by its own', async () => {
  for (const trustProxy of [true, false]) {
    const { port, server, tokens } = await listen({ trustProxy, perAddress: 1 });
    using first = await StrangerSocket.connect(port);
    first.send(upgradeRequest({ requestLine: 'GET /v1/live HTTP/1.1', changes: { 'X-Forwarded-For': '192.0.2.1' } }));
    await first.until(({ status }) => status !== undefined);
    assert.is(await statusOf(port, { 'X-Forwarded-For': '192.0.2.2' }), trustProxy ? 101 : 429);
    // What the client itself says comes first in the list, and does not count.
    assert.is(await statusOf(port, { 'X-Forwarded-For': '192.0.2.9, 192.0.2.1' }), 429);
    tokens[Symbol.dispose]();
    server.closeAllConnections();
    server.close();
  }
});

test('one token’s connections beyond its share: 429 at the upgrade', async () => {
  const { port, server, tokens } = await listen({ maxConnections: 4 });
  const changes = { ...bearer('live'), Host: 'gateway.test' };
  const kept = await Promise.all([0, 1].map(() => upgraded(port, changes)));
  assert.is(await statusOf(port, changes), 429);
  assert.is(await statusOf(port, {}), 101);
  for (const each of kept) each.socket.destroy();
  tokens[Symbol.dispose]();
  server.closeAllConnections();
  server.close();
});

test('before authentication a large message is not gathered, nor many small ones; after it they are', async () => {
  const admissions: Admission[] = [];
  const { port, server, tokens } = await listen({ onAccept: (admission) => admissions.push(admission) });
  const flood = async (size: number, isSafe: boolean): Promise<boolean> => {
    using peer = await upgraded(port, {});
    if (isSafe) admissions.at(-1)?.authenticated(undefined);
    const message = frameBytes({ payload: Buffer.alloc(size, 0x20) });
    for (let sent = 0; sent < 10_000; sent += message.length) {
      peer.send(message.subarray(0, 10_000));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return (await peer.until(({ isEnded }) => isEnded, isSafe ? 200 : 2_000)).isEnded;
  };
  assert.ok(await flood(500_000, false));
  assert.ok(await flood(100, false));
  assert.not(await flood(100, true));
  tokens[Symbol.dispose]();
  server.closeAllConnections();
  server.close();
});
