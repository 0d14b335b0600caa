import { pack } from 'msgpackr';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import * as assert from 'uvu/assert';
import { Latency } from '../../../clients/load/latency.ts';
import { LoadSubscriber } from '../../../clients/load/load-subscriber.ts';
import { loadFingerprint, loadPriceOf, loadSymbol, loadSymbolOf } from '../../../clients/load/load-ticks.ts';
import { suite } from '../../support/suite.ts';
import { until } from '../../support/test-market.ts';

const SYMBOLS = 5;
const NOW_MS = 1_764_576_000_000;

/** A server that says what the test wants said: mistakes that a gateway must not make are to be noticed. */
let server: WebSocketServer;
let peer: WebSocket | undefined;

const test = suite('load test: one subscriber');

test.before.each(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    peer = socket;
    socket.send(pack([{ T: 'success', msg: 'connected' }]));
    socket.on('message', () => socket.send(pack([{ T: 'subscription', trades: ['*'] }])));
  });
  await once(server, 'listening');
});
test.after.each(() => server.close());

function trade(tick: number, changes: object = {}): object {
  const symbol = loadSymbol(loadSymbolOf(tick, SYMBOLS));
  return { T: 't', S: symbol, p: loadPriceOf(tick), s: tick, t: new Date(NOW_MS - 40), ...changes };
}

async function subscriberAfter(messages: readonly object[], latency = new Latency()): Promise<LoadSubscriber> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has this address
  const { port } = server.address() as AddressInfo;
  const subscriber = new LoadSubscriber({
    url: `http://127.0.0.1:${port}`,
    token: undefined,
    codec: 'msgpack',
    mode: 'all',
    symbols: undefined,
    symbolCount: SYMBOLS,
    isTimed: () => true,
    latency,
    clock: { nowMs: () => NOW_MS, originMs: 0 },
  });
  await subscriber.subscribed();
  peer?.send(pack(messages));
  await until('the message came', () => subscriber.messages === 3);
  subscriber.close();
  return subscriber;
}

test('counts, fingerprints and times what comes', async () => {
  const latency = new Latency();
  const subscriber = await subscriberAfter([trade(1), trade(2), trade(3)], latency);
  assert.equal(subscriber.tally, {
    count: 3,
    fingerprint: (loadFingerprint(1) + loadFingerprint(2) + loadFingerprint(3)) | 0,
  });
  assert.is(subscriber.wrong + subscriber.disorder + subscriber.dropped, 0);
  const { count, max } = latency.summary();
  assert.is(count, 3);
  assert.ok(Math.abs(max - 40) < 0.1, String(max));
});

test('a price or a symbol of another tick', async () => {
  const wrongSymbol = loadSymbol((loadSymbolOf(2, SYMBOLS) + 1) % SYMBOLS);
  const subscriber = await subscriberAfter([trade(1, { p: 5 }), trade(2, { S: wrongSymbol }), trade(3)]);
  assert.is(subscriber.wrong, 2);
});

test('a tick twice, and a tick behind a later one', async () => {
  const sameSymbol = Array.from({ length: 100 }, (_, tick) => tick).filter((tick) => loadSymbolOf(tick, SYMBOLS) === 0);
  const [first = 0, second = 0] = sameSymbol;
  const subscriber = await subscriberAfter([trade(second), trade(first), trade(second)]);
  assert.is(subscriber.disorder, 2);
  assert.is(subscriber.tally.count, 3);
});

test('a gap is remembered', async () => {
  const subscriber = await subscriberAfter([{ T: 'gap', dropped: 9, reason: 'slow' }, trade(1)]);
  assert.is(subscriber.dropped, 9);
  assert.is(subscriber.gaps, 1);
});

test('a refusal is told', async () => {
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    socket.send(pack([{ T: 'error', code: 406, msg: 'connection limit exceeded' }]));
    socket.close(4504);
  });
  await subscriberAfter([]).then(
    () => assert.unreachable(),
    (error: unknown) => assert.match(String(error), /406 connection limit exceeded/),
  );
});
