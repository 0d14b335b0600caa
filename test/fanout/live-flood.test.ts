import * as assert from 'uvu/assert';
import { nextTurn } from '../../src/base/next-turn.ts';
import { FairWorkQueue } from '../../src/base/fair-work-queue.ts';
import type { LiveSocket } from '../../src/fanout/fanout-ports.ts';
import { LiveConnection } from '../../src/fanout/live-connection.ts';
import { LiveHub } from '../../src/fanout/live-hub.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { FakePrices } from './fakes/fake-prices.ts';
import { FakeStream } from './fakes/fake-stream.ts';
import { principal, subscribe } from './fakes/live-parts.ts';

const test = suite('a flood of changes by one token', { timeoutMs: 30_000 });
const CONNECTIONS = 200;
const NAMES: readonly string[] = Array.from({ length: 512 }, (_, at) => `SYM${at}`);

/** A socket that counts frames and keeps nothing. */
class CountingSocket implements LiveSocket {
  bufferedAmount = 0;
  frames = 0;
  readonly pause = (): void => undefined;
  readonly resume = (): void => undefined;
  readonly close = (): void => undefined;
  readonly terminate = (): void => undefined;

  sendFrame(): void {
    this.frames += 1;
  }
}

test('200 connections × 60 changes of one of 512 names: no turn over 50 ms of processor, all are answered', async () => {
  const [clock, stream, work] = [new FakeClock(), new FakeStream(), new FairWorkQueue({ turnMs: 4 })];
  const options = { tail: stream, prices: new FakePrices(), observer: {}, coalesceMs: 5, maxCatchUps: 16 };
  using hub = new LiveHub({ ...options, work, clock });
  stream.append();
  hub.start();
  hub.stream.up(stream.run);
  await settle();
  const endpoint = {
    options: { queueBytes: 1_000_000, slowMs: 5_000, maxSymbols: 512, maxFeeds: 10 },
    hub,
    observer: {},
    isOpen: false,
    authenticate: () => undefined,
    clock,
  };
  const sockets = Array.from({ length: CONNECTIONS }, () => new CountingSocket());
  const connections = sockets.map((socket) => new LiveConnection(endpoint, socket, 'json', principal('*')));
  const send = (at: number, request: object): void =>
    connections[at]?.onMessage(Buffer.from(JSON.stringify(request)), false);
  const answered = (): number => sockets.reduce((sum, { frames }) => sum + frames - 2, 0);
  const until = async (answers: number): Promise<number> => {
    let longestMs = 0;
    for (let lastMs = cpuMs(); answered() < answers;) {
      await nextTurn();
      const nowMs = cpuMs();
      longestMs = Math.max(longestMs, nowMs - lastMs);
      lastMs = nowMs;
    }
    return longestMs;
  };
  for (let at = 0; at < CONNECTIONS; at++) send(at, subscribe({ trades: NAMES }));
  await until(CONNECTIONS);
  const startedMs = cpuMs();
  for (let at = 0; at < CONNECTIONS; at++) {
    for (let change = 0; change < 60; change++) {
      const trades = [NAMES[(at * 7 + (change >> 1)) % NAMES.length]];
      send(at, { action: change % 2 === 0 ? 'unsubscribe' : 'subscribe', trades });
    }
  }
  const firstMs = cpuMs() - startedMs;
  const longestMs = await until(CONNECTIONS * 61);
  // Most of the first turn is the test's own: it makes 12,000 messages.
  assert.ok(firstMs < 150, `the turn of their coming took ${firstMs.toFixed(0)} ms`);
  assert.ok(longestMs < 50, `a turn of ${longestMs.toFixed(0)} ms`);
});
