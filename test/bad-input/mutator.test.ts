import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { Random } from '../../clients/simulator/random.ts';
import { suite } from '../support/suite.ts';
import { frameBytes, OPCODE } from './frame-bytes.ts';
import { bearer, GatewayUnderTest } from './gateway-under-test.ts';
import { InnocentFeed } from './innocent-feed.ts';
import { packed } from './message-bytes.ts';
import { Mutator } from './mutate.ts';
import { opcodeOf } from './payload-cases.ts';
import { StrangerSocket } from './stranger-socket.ts';
import { below } from './valid-message.ts';

/** `BAD_INPUT_SEED` repeats a run, `BAD_INPUT_COUNT` makes it longer or shorter. */
const seed = process.env['BAD_INPUT_SEED'] ?? String(randomInt(2 ** 32));
const count = Number(process.env['BAD_INPUT_COUNT'] ?? 1_000_000);
const SOCKET_COUNT = 600;
const RAW_COUNT = 200;
const PARALLEL = 8;
const HEAP_MIB = 128;
const MAX_GROWTH_MIB = 48;
/** What bad input may end a connection with; 1011 would be a fault of ours. */
const FAIR_CODES: ReadonlySet<number | undefined> = new Set([1002, 1003, 1007, 1008, 1009, 4023, 4029, 4501, 4521]);

const test = suite(`bad input: mutator, seed ${seed}`, { timeoutMs: 300_000 });
let subject: GatewayUnderTest;
let innocent: InnocentFeed;
test.before(async () => {
  subject = await GatewayUnderTest.start();
  innocent = new InnocentFeed(subject);
});
test.after(async () => {
  await innocent.close();
  await subject[Symbol.asyncDispose]();
});

test(`${count.toLocaleString('en')} inputs to the parser in a process of ${HEAP_MIB} MiB heap`, async (context) => {
  const script = fileURLToPath(new URL('mutator-child.ts', import.meta.url));
  const flags = [`--max-old-space-size=${HEAP_MIB}`, '--expose-gc', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, seed, String(count)], {
    signal: context.signal,
  });
  process.stdout.write(stdout);
  const report: unknown = JSON.parse(stdout);
  assert.ok(isReport(report));
  assert.is(report.accepted + report.refused + report.tooLarge, count);
  assert.ok(report.accepted > count / 50 && report.tooLarge > 0, 'good and bad ones among them');
  assert.ok(report.endRssMiB - report.warmRssMiB < MAX_GROWTH_MIB, 'memory is flat');
});

interface Report {
  readonly accepted: number;
  readonly refused: number;
  readonly tooLarge: number;
  readonly warmRssMiB: number;
  readonly endRssMiB: number;
}

function isReport(value: unknown): value is Report {
  const names = ['accepted', 'refused', 'tooLarge', 'warmRssMiB', 'endRssMiB'];
  return (
    typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'number')
  );
}

/** Opens a feed, sends `bytes`, and waits for a close or for the pong of the ping behind them. */
async function sendAfterOpen(codec: 'msgpack' | 'json', feed: string, bytes: Buffer, limitMs: number): Promise<void> {
  using stranger = await StrangerSocket.upgraded(subject.port, {
    ...bearer('feed'),
    'Sec-WebSocket-Protocol': `tickgate.v1.${codec}`,
  });
  const open = { action: 'open', feed, instance: 'i' };
  const payload = codec === 'json' ? Buffer.from(JSON.stringify(open)) : packed(open);
  stranger.send(frameBytes({ opcode: opcodeOf(codec), payload }));
  await stranger.until(({ messages }) => messages.some((message) => message['T'] === 'opened'));
  stranger.send(bytes);
  stranger.send(frameBytes({ opcode: OPCODE.ping }));
  const answers = await stranger.until(
    ({ pongs, closeCode, isEnded }) => pongs > 0 || closeCode !== undefined || isEnded,
    limitMs,
  );
  assert.not(
    answers.messages.some((message) => message['code'] === 500),
    bytes.toString('hex'),
  );
  assert.ok(answers.closeCode === undefined || FAIR_CODES.has(answers.closeCode), `closed with ${answers.closeCode}`);
}

async function inParallel(total: number, one: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) await one(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

test(`${SOCKET_COUNT.toLocaleString('en')} of them through sockets`, async () => {
  const mutator = new Mutator(Random.fromSeed(seed));
  await inParallel(SOCKET_COUNT, async (at) => {
    const { codec, bytes } = mutator.next();
    if (at % 10 === 0) await innocent.publish();
    await sendAfterOpen(
      codec,
      `egx-fuzz-${at % 50}-${at}`,
      frameBytes({ opcode: opcodeOf(codec), payload: bytes }),
      8_000,
    );
  });
});

test(`${RAW_COUNT} frames with changed bits in header and payload`, async () => {
  const random = Random.fromSeed(`${seed} raw`);
  await inParallel(RAW_COUNT, async (at) => {
    const frame = frameBytes({ payload: packed({ action: 'publish', seq: 1, prev: 0, ticks: [['A', 1, 1]] }) });
    for (let flips = 0; flips < 3; flips++) {
      const place = below(random, flips === 0 ? 4 : frame.length);
      frame[place] = (frame[place] ?? 0) ^ (1 << below(random, 8));
    }
    if (at % 10 === 0) await innocent.publish();
    // A frame that claims more than came is waited for: that is no fault.
    await sendAfterOpen('msgpack', `egx-raw-${at}`, frame, 100);
  });
});

test('the innocent feed did not notice', async () => {
  await innocent.assertUnharmed();
});
