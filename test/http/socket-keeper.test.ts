import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { AccessTokens } from '../../src/http/access-tokens.ts';
import { ConnectionLimits } from '../../src/http/connection-limits.ts';
import { type KeptConnection, SocketKeeper } from '../../src/http/socket-keeper.ts';
import { setLogLevel } from '../../src/logger.ts';
import { frameBytes } from '../bad-input/frame-bytes.ts';
import { StrangerSocket } from '../bad-input/stranger-socket.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const PING_MS = 300;

const test = suite('socket keeper');
test.before(() => setLogLevel('silent'));

/** A server that keeps each socket as `connection` says; the peer is a raw socket that never sends a pong. */
async function keep(connection: Partial<KeptConnection>): Promise<{
  readonly limits: ConnectionLimits;
  readonly peer: StrangerSocket;
  readonly keeper: SocketKeeper;
  readonly close: () => void;
}> {
  const tokens = new AccessTokens(undefined);
  const keeper = new SocketKeeper({
    authDeadlineMs: 60_000,
    pingIntervalMs: PING_MS,
    maxControlFrames: 20,
    maxAuthMessageBytes: 512,
    tokens,
  });
  const limits = new ConnectionLimits({
    maxConnections: 10,
    maxUnauthenticatedPerAddress: 10,
    feedReservePercent: 10,
    tokenSharePercent: 50,
  });
  const http = createServer();
  const server = new WebSocketServer({ server: http });
  server.on('connection', (socket) => {
    const kept: KeptConnection = {
      isAuthenticated: true,
      principal: undefined,
      isReading: true,
      onMessage: () => undefined,
      onClose: () => undefined,
      drain: () => Promise.resolve(),
      end: (code, reason) => socket.close(code, reason),
      refuseLateAuth: () => undefined,
    };
    keeper.keep(
      socket,
      Object.defineProperties(kept, Object.getOwnPropertyDescriptors(connection)),
      limits.admit({ address: 'a', kind: 'live', isAuthenticated: false, token: undefined }),
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  keeper.start();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is one
  const peer = await StrangerSocket.upgraded((http.address() as AddressInfo).port);
  return {
    limits,
    peer,
    keeper,
    close: () => {
      peer.socket.destroy();
      keeper[Symbol.dispose]();
      server.close();
      http.closeAllConnections();
      http.close();
    },
  };
}

test('two pongs missing: ended with 4012, and its connection is free', async () => {
  const { limits, peer, keeper, close } = await keep({});
  assert.is(limits.connections, 1);
  await peer.until(({ isEnded }) => isEnded);
  assert.is(peer.answers.closeCode, 4012);
  await until('it is not kept any more', () => keeper.size === 0 && limits.connections === 0);
  close();
});

test('while we do not read ourselves, silence is not held against the peer', async () => {
  const connection = { isReading: false };
  const { peer, close } = await keep({
    get isReading() {
      return connection.isReading;
    },
  });
  await peer.until(({ isEnded }) => isEnded, PING_MS * 5);
  assert.not(peer.answers.isEnded);
  connection.isReading = true;
  assert.ok((await peer.until(({ isEnded }) => isEnded)).isEnded);
  close();
});

test('a drain spreads the returns', async () => {
  const spread: number[] = [];
  const { keeper, close } = await keep({
    drain: (reconnectAfterMs) => {
      spread.push(reconnectAfterMs);
      return Promise.resolve();
    },
  });
  await keeper.drain(1_000);
  assert.equal(spread, [0]);
  close();
});

test('closing all is polite first, then final', async () => {
  const { keeper, peer, close } = await keep({ end: () => undefined });
  await keeper.closeAll(4001, 'shutdown', 100);
  assert.ok((await peer.until(({ isEnded }) => isEnded)).isEnded);
  close();
});

test('before authentication a message larger than a token may be is not handed on; after it is', async () => {
  const frame = (bytes: number): Buffer => frameBytes({ payload: Buffer.alloc(bytes, 0x20) });
  const taken: number[] = [];
  const connection = { isAuthenticated: false };
  const { peer, close } = await keep({
    get isAuthenticated() {
      return connection.isAuthenticated;
    },
    onMessage: (data) => taken.push(data.length),
  });
  peer.send(frame(512));
  await until('a small one is taken', () => taken.length === 1);
  connection.isAuthenticated = true;
  peer.send(frame(513));
  await until('after authentication a larger one is', () => taken.length === 2);
  connection.isAuthenticated = false;
  peer.send(frame(513));
  assert.is((await peer.until(({ closeCode }) => closeCode !== undefined)).closeCode, 1009);
  assert.equal(taken, [512, 513]);
  close();
});
