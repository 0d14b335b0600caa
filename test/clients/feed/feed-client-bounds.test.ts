import { once } from 'node:events';
import { createServer } from 'node:http';
import { Packr } from 'msgpackr';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { z } from 'zod';
import { FeedClient, type FeedClientOptions } from '../../../clients/feed/feed-client.ts';
import { FeedError, FeedMemoryError } from '../../../clients/feed/feed-errors.ts';
import { RejectionWarning } from '../../../clients/feed/rejection-warning.ts';
import { suite } from '../../support/suite.ts';

const test = suite('feed client: times, rejected ticks, memory', { timeoutMs: 20_000 });

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const request = z.object({ action: z.string(), seq: z.number().optional(), ticks: z.array(z.unknown()).optional() });
const MIB = 1024 * 1024;

/** A gateway that opens every feed and commits every frame, or rejects its ticks. */
class FakeGateway implements AsyncDisposable {
  readonly ticks: unknown[] = [];
  readonly #server = createServer();
  readonly #sockets = new WebSocketServer({ server: this.#server });
  /** Reason with which the first tick of each frame is rejected. */
  rejects: string | undefined;
  commits = true;

  async listen(port = 0): Promise<string> {
    this.#sockets.on('connection', (socket) => {
      const send = (...messages: readonly object[]): void => socket.send(packr.pack(messages));
      const limits = { maxFrameBytes: 262_144, maxTicks: 5_000, windowFrames: 4_096, windowTicks: 500_000 };
      send({ T: 'success', msg: 'authenticated' });
      socket.on('message', (data: Buffer) => {
        const { action, seq, ticks } = request.parse(packr.unpack(data));
        if (action === 'open') return send({ T: 'opened', feed: 'f', accepted: 0, committed: 0, ...limits });
        this.ticks.push(...(ticks ?? []));
        if (this.rejects !== undefined) send({ T: 'error', code: 420, msg: '', seq, rejected: [[0, this.rejects]] });
        if (this.commits) send({ T: 'ack', seq }, { T: 'committed', seq });
      });
    });
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : ''}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const feedTo = (url: string, options: Partial<FeedClientOptions> = {}): FeedClient =>
  new FeedClient({ url, feed: 'bounds', reconnect: { firstMs: 20, maxMs: 50 }, ...options });

const nowMicros = (): number => Date.now() * 1_000;
const tickAt = (timeMicros: number) => ({ symbol: 'COMI', price: 45.5, volume: 100, timeMicros });

/** The error's text, or undefined where the call succeeds. */
const errorOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      assert.ok(error instanceof FeedError, String(error));
      return error.message;
    },
  );

/** As a program without types calls it. */
const untyped = (value: unknown): number => Object(value);
const text: number = JSON.parse('"2025-12-01T10:00:00Z"');

const REFUSED: ReadonlyArray<readonly [what: string, timeMicros: () => number, says: RegExp]> = [
  ['seconds', () => 1_764_590_400, /looks like seconds \(2025-12-01T12:00:00\.000000Z\).*microseconds since 1970/],
  ['seconds with a fraction', () => 1_764_590_400.25, /looks like seconds \(2025-12-01T12:00:00\.250000Z\)/],
  [
    'milliseconds',
    () => Date.now(),
    /looks like milliseconds \(20\d\d-.*microseconds since 1970.*Date\.now\(\) \* 1000/,
  ],
  ['nanoseconds', () => 1_764_590_400_000_000_000, /looks like nanoseconds \(2025-12-01T12:00:00\.000000Z\)/],
  ['NaN', () => Number.NaN, /timeMicros is NaN.*microseconds/],
  ['Infinity', () => Number.POSITIVE_INFINITY, /timeMicros is Infinity/],
  ['an ISO text', () => text, /timeMicros is the text "2025-12-01T10:00:00Z".*microseconds/],
  ['a Date', () => untyped(new Date()), /timeMicros is a object/],
  ['a fraction', () => 1_764_590_400_000_000.5, /1764590400000000\.5 is not whole/],
  ['1999', () => 946_684_799_999_999, /before 2000/],
  ['6 minutes ahead', () => nowMicros() + 360_000_000, /more than 5 minutes ahead of this machine's clock/],
];

test('publish refuses a time that no tick can have, and names its unit', async () => {
  await using gateway = new FakeGateway();
  await using feed = feedTo(await gateway.listen());
  await feed.publish(tickAt(946_684_800_000_000));
  await feed.publish(tickAt(nowMicros() + 290_000_000));
  for (const [what, timeMicros, says] of REFUSED) {
    assert.match((await errorOf(feed.publish(tickAt(timeMicros())))) ?? `${what} was taken`, says);
  }
  await feed.drained();
  assert.is(gateway.ticks.length, 2);
});

test('publishFrame refuses times that are no whole numbers; others are its source’s own, and go to the gateway', async () => {
  await using gateway = new FakeGateway();
  await using feed = feedTo(await gateway.listen());
  for (const timeMicros of [Number.NaN, text, 1_764_590_400.25]) {
    assert.match((await errorOf(feed.publishFrame([tickAt(timeMicros)], 7))) ?? 'taken', /microseconds since 1970/);
  }
  await (await feed.publishFrame([tickAt(Date.now()), tickAt(0)], 7)).committed();
  assert.is(gateway.ticks.length, 2);
});

test('without onRejected rejected ticks are a warning of the process, which names the unit; with it they are not', async () => {
  await using gateway = new FakeGateway();
  const url = await gateway.listen();
  gateway.rejects = 'time_out_of_range';
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  try {
    await using feed = feedTo(url);
    await feed.publishFrame([tickAt(Date.now())]);
    await feed.drained();
    const told: number[] = [];
    await using other = feedTo(url, { onRejected: (seq) => told.push(seq) });
    await other.publishFrame([tickAt(Date.now())]);
    await other.drained();
    assert.equal(told, [1]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const [warning, ...others] = warnings.filter(({ name }) => name === 'TickgateWarning');
    assert.is(others.length, 0);
    assert.match(warning?.message ?? '', /feed bounds: 1 tick of frame 1 rejected: time_out_of_range;.*microseconds/);
  } finally {
    process.off('warning', onWarning);
  }
});

test('warnings of rejected ticks: at most one in 10 s, with the number since', async () => {
  let nowMs = 1_000;
  const messages: string[] = [];
  const onWarning = ({ message }: Error): void => void messages.push(message);
  process.on('warning', onWarning);
  const warning = new RejectionWarning('f', () => nowMs);
  warning.onRejected(1, [[0, 'price_invalid']]);
  warning.onRejected(2, [[0, 'price_invalid']]);
  nowMs += 9_999;
  warning.onRejected(3, [
    [0, 'price_invalid'],
    [1, 'volume_invalid'],
  ]);
  nowMs += 1;
  warning.onRejected(4, [[0, 'symbol_invalid']]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('warning', onWarning);
  assert.equal(messages, [
    'feed f: 1 tick of frame 1 rejected: price_invalid',
    'feed f: 1 tick of frame 4 rejected, and 3 since the last warning: symbol_invalid',
  ]);
});

for (const [when, isAway] of [
  ['the gateway has not answered yet', true],
  ['nothing is committed', false],
] as const) {
  test(`publish that nobody waits for, while ${when}: memory is bounded, further calls reject`, async () => {
    await using gateway = new FakeGateway();
    gateway.commits = false;
    const url = isAway ? 'http://127.0.0.1:9' : await gateway.listen();
    const feed = feedTo(url, { maxMemoryBytes: 4 * MIB });
    if (!isAway) await feed.opened();
    const refusals: unknown[] = [];
    const waiting = new Set<Promise<void>>();
    for (let n = 0; n < 200_000; n++) {
      const call = feed.publish(tickAt(nowMicros()));
      waiting.add(call);
      call.catch((error: unknown) => refusals.push(error)).finally(() => waiting.delete(call));
      if (n % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(waiting.size >= 1_000 && waiting.size <= (4 * MIB) / 1_024, `${waiting.size} calls wait`);
    assert.ok(refusals.length > 20_000, `${refusals.length} were refused`);
    for (const refusal of refusals) assert.instance(refusal, FeedMemoryError);
    assert.match(String(refusals[0]), /maxMemoryBytes \(4194304\) is full and \d+ calls wait.*await/);
    await feed.close({ wait: false });
  });
}

test('frames that nobody waits for count with their ticks', async () => {
  const feed = feedTo('http://127.0.0.1:9', { maxMemoryBytes: 4 * MIB });
  const ticks = Array.from({ length: 5_000 }, () => tickAt(nowMicros()));
  let refused = 0;
  for (let n = 0; n < 100; n++) {
    feed.publishFrame(ticks).catch((error: unknown) => (refused += error instanceof FeedMemoryError ? 1 : 0));
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(refused, 100 - 27, 'of 641 KiB each, 16 MiB and one more');
  await feed.close({ wait: false });
});

test('1,000 callers that wait for their calls still wait while memory is full, and all their ticks arrive', async () => {
  const CALLERS = 1_000;
  await using gateway = new FakeGateway();
  await using feed = feedTo(await gateway.listen(), { maxMemoryBytes: 20_000, frameTicks: 10 });
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let n = 0; n < 5; n++) await feed.publish(tickAt(nowMicros()));
    }),
  );
  await feed.drained();
  assert.is(gateway.ticks.length, CALLERS * 5);
});
