import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { bufferKeys } from '../../src/buffer/keys.ts';
import { TickBuffer } from '../../src/buffer/tick-buffer.ts';
import { RedisUnavailableError } from '../../src/errors.ts';
import type { AppendResult } from '../../src/stream/append-request.ts';
import { suite } from '../support/suite.ts';
import { FakeLink } from './fake-redis.ts';

const test = suite('tick buffer');
const KEYS = bufferKeys('egx', 3);
const sourceOf = (name: string): string =>
  readFileSync(new URL(`../../src/buffer/lua/${name}.lua`, import.meta.url), 'utf8');
const shaOf = (name: string): string => createHash('sha1').update(sourceOf(name)).digest('hex');

function openBuffer() {
  const link = new FakeLink();
  const buffer = new TickBuffer({ link, keys: KEYS, bufferMaxTicks: 500, takeoverIntervalMs: 700 });
  return { link, buffer };
}

const REQUEST = {
  feed: 'f',
  session: 'S',
  writer: 'A',
  live: true,
  prev: 4,
  last: 7,
  ticks: 30,
  entry: Buffer.from('entry'),
};
const CLAIM = { session: 'S', instance: 'A', attempt: 2, have: 9 };
const RANDOM = /^[\w-]{16}$/;

test('append: which script, keys and arguments', async () => {
  const { link, buffer } = openBuffer();
  assert.is(await buffer.append(REQUEST), 'appended');
  const [call] = link.calls;
  assert.ok(call);
  const streamId = call.args[7];
  assert.match(String(streamId), RANDOM);
  assert.equal(call, {
    command: 'EVALSHA',
    script: shaOf('append'),
    keys: [KEYS.state('f'), KEYS.stream, KEYS.meta],
    args: ['run-1', 'S', '4', '7', 30, '1', 500, streamId, 'f', 'A', KEYS.liveChannel, REQUEST.entry],
  });
  await buffer.append({ ...REQUEST, live: false });
  assert.is(link.calls[1]?.args[5], '0');
  assert.is.not(link.calls[1]?.args[7], streamId, 'a new stream id each time, in case one is due');
});

const ANSWERS: ReadonlyArray<readonly [answer: unknown, result: AppendResult]> = [
  [['appended'], 'appended'],
  [['repeat'], 'repeat'],
  [['full'], 'full'],
  [['session'], 'session'],
  [['lost', 'state'], 'lost-state'],
  [['lost', 'chain'], 'lost-chain'],
  [['lost'], 'lost-state'],
  [['something else'], 'unanswered'],
  [null, 'unanswered'],
];
for (const [answer, result] of ANSWERS) {
  test(`append answered with ${JSON.stringify(answer)}: ${result}, and the connection is kept`, async () => {
    const { link, buffer } = openBuffer();
    link.onScript = () => answer;
    assert.equal([await buffer.append(REQUEST), link.calls.length, link.drops], [result, 1, 0]);
  });
}

for (const message of [
  "OOM command not allowed when used memory > 'maxmemory'.",
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  'LOADING Redis is loading the dataset in memory',
  'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.',
  "READONLY You can't write against a read only replica.",
  'CLUSTERDOWN The cluster is down',
  'NOREPLICAS Not enough good replicas to write.',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "NOPERM this user has no permissions to run the 'evalsha' command",
  'NOAUTH Authentication required.',
  'TRYAGAIN Multiple keys request during rehashing of slot',
  '-OOM command not allowed',
]) {
  test(`append refused with ${message.split(' ')[0]}: certainly nothing was stored, and the connection is kept`, async () => {
    const { link, buffer } = openBuffer();
    link.onScript = () => {
      throw new Error(message);
    };
    assert.equal([await buffer.append(REQUEST), link.calls.length, link.drops], ['refused', 1, 0]);
  });
}

for (const thrown of [
  new Error('Connection is closed.'),
  new Error('Command timed out'),
  new Error('read ECONNRESET'),
  new Error('ERR Error running script: WRONGTYPE'),
  new Error('ERR the word BUSY inside of another error'),
  new Error('READONLYISH'),
  'OOM, but not an Error',
]) {
  test(`append that fails with "${String(thrown)}": unanswered, dropped, and never sent twice`, async () => {
    const { link, buffer } = openBuffer();
    link.onScript = () => {
      throw thrown;
    };
    assert.equal([await buffer.append(REQUEST), link.calls.length, link.drops], ['unanswered', 1, 1]);
  });
}

test('append while Redis is away: unsent', async () => {
  const { link, buffer } = openBuffer();
  link.isUp = false;
  assert.equal([await buffer.append(REQUEST), link.calls, link.drops], ['unsent', [], 0]);
});

test('a script that Redis does not know was not run: it is sent whole, with the same arguments', async () => {
  const { link, buffer } = openBuffer();
  link.onScript = ({ command }) => {
    if (command === 'EVALSHA') throw new Error('NOSCRIPT No matching script. Please use EVAL.');
    return ['appended'];
  };
  assert.is(await buffer.append(REQUEST), 'appended');
  const [first, second] = link.calls;
  assert.equal([link.calls.length, second?.command, second?.script], [2, 'EVAL', sourceOf('append')]);
  assert.equal([second?.keys, second?.args], [first?.keys, first?.args]);
});

test('a script sent whole that is not answered is not sent again', async () => {
  const { link, buffer } = openBuffer();
  link.onScript = ({ command }) => {
    throw new Error(command === 'EVALSHA' ? 'NOSCRIPT' : 'Command timed out');
  };
  assert.equal([await buffer.append(REQUEST), link.calls.length, link.drops], ['unanswered', 2, 1]);
});

test('open: which script, keys and arguments', async () => {
  const { link, buffer } = openBuffer();
  link.onScript = () => ['opened', 'G', '12'];
  assert.equal(await buffer.open('f', CLAIM), { outcome: 'opened', generation: 'G', position: 12 });
  assert.equal(link.calls, [
    {
      command: 'EVALSHA',
      script: shaOf('open'),
      keys: [KEYS.state('f'), KEYS.takeover('f')],
      args: ['run-1', 'S', 'A', 2, 9, 700],
    },
  ]);
});

for (const outcome of ['none', 'late', 'taken', 'spaced']) {
  test(`open answered with ${outcome}`, async () => {
    const { link, buffer } = openBuffer();
    link.onScript = () => [outcome];
    assert.equal(await buffer.open('f', CLAIM), { outcome });
  });
}

test('prepareRenewal: the fingerprint, or undefined where a state of this run is', async () => {
  const { link, buffer } = openBuffer();
  link.onScript = () => ['seen', '||N'];
  assert.is(await buffer.prepareRenewal('f'), '||N');
  const [call] = link.calls;
  assert.equal([call?.script, call?.keys, call?.args[0]], [shaOf('prepare-renewal'), [KEYS.state('f')], 'run-1']);
  assert.match(String(call?.args[1]), RANDOM);
  link.onScript = () => ['present'];
  assert.is(await buffer.prepareRenewal('f'), undefined);
});

test('renew: which script, keys and arguments', async () => {
  const { link, buffer } = openBuffer();
  link.onScript = () => ['opened', 'H', '5'];
  const renewed = await buffer.renew('f', '||N', 'H', { seq: 5, writer: 'B' }, CLAIM);
  assert.equal(renewed, { outcome: 'opened', generation: 'H', position: 5 });
  assert.equal(link.calls, [
    {
      command: 'EVALSHA',
      script: shaOf('renew'),
      keys: [KEYS.state('f'), KEYS.feeds],
      args: ['run-1', '||N', 'H', '5', 'B', 'S', 'A', 2, 9, 'f'],
    },
  ]);
  for (const outcome of ['changed', 'late', 'taken']) {
    link.onScript = () => [outcome];
    assert.equal(await buffer.renew('f', '||N', 'H', { seq: 5, writer: 'B' }, CLAIM), { outcome });
  }
});

test('an answer that no script gives is an error, not an outcome', async () => {
  const { link, buffer } = openBuffer();
  for (const answer of [['opened'], ['changed'], [], null]) {
    link.onScript = () => answer;
    const failure: unknown = await buffer.open('f', CLAIM).catch((error: unknown) => error);
    assert.instance(failure, RangeError);
  }
});

test('seqs of 16 digits are sent and read exactly', async () => {
  const { link, buffer } = openBuffer();
  const last = Number.MAX_SAFE_INTEGER;
  await buffer.append({ ...REQUEST, prev: last - 1, last });
  assert.equal(link.calls[0]?.args.slice(2, 4), ['9007199254740990', '9007199254740991']);
  link.onScript = () => ['opened', 'G', '9007199254740991'];
  assert.equal(await buffer.open('f', CLAIM), { outcome: 'opened', generation: 'G', position: last });
});

test('invalidate: 1 is yes', async () => {
  const { link, buffer } = openBuffer();
  link.onScript = () => 1;
  assert.is(await buffer.invalidate('f', 'G'), true);
  assert.equal(
    [link.calls[0]?.script, link.calls[0]?.keys, link.calls[0]?.args],
    [shaOf('invalidate'), [KEYS.state('f'), KEYS.feeds], ['run-1', 'G', 'f']],
  );
  link.onScript = () => 0;
  assert.is(await buffer.invalidate('f', 'G'), false);
});

test('release', async () => {
  const { link, buffer } = openBuffer();
  await buffer.release('f', 'S');
  assert.equal(
    [link.calls[0]?.script, link.calls[0]?.keys, link.calls[0]?.args],
    [shaOf('release'), [KEYS.state('f')], ['S']],
  );
});

test('feedStates: in the order asked; no state where run or generation is missing', async () => {
  const { link, buffer } = openBuffer();
  link.onCommand = (_name, [key]) => {
    if (key === KEYS.state('f')) return ['run-1', 'G', '12', 'S', 'A', 'B'];
    if (key === KEYS.state('g')) return ['run-1', 'H', '0', null, null, null];
    return [null, null, null, null, null, null];
  };
  assert.equal(await buffer.feedStates(['g', 'nobody', 'f']), [
    { run: 'run-1', generation: 'H', position: 0, session: '', instance: '', writer: '' },
    undefined,
    { run: 'run-1', generation: 'G', position: 12, session: 'S', instance: 'A', writer: 'B' },
  ]);
});

test('size: total less handled, never below zero, and zero without a stream', async () => {
  const { link, buffer } = openBuffer();
  const sizeOf = (exists: number, meta: readonly unknown[]): Promise<unknown> => {
    link.onCommand = (name) => (name === 'exists' ? exists : meta);
    return buffer.size();
  };
  assert.equal(await sizeOf(1, ['30', '12']), { ticks: 18 });
  assert.equal(await sizeOf(1, ['30', null]), { ticks: 30 });
  assert.equal(await sizeOf(1, ['3', '12']), { ticks: 0 });
  assert.equal(await sizeOf(0, ['30', '12']), { ticks: 0 });
});

test('requestFlush: a message on the request channel', async () => {
  const { link, buffer } = openBuffer();
  await buffer.requestFlush();
  assert.equal(link.commands, [['publish', KEYS.requestChannel, 'flush']]);
});

test('while Redis is away everything but append says so', async () => {
  const { link, buffer } = openBuffer();
  link.isUp = false;
  assert.is(buffer.isUp, false);
  for (const work of [
    () => buffer.open('f', CLAIM),
    () => buffer.prepareRenewal('f'),
    () => buffer.feedStates(['f']),
  ]) {
    const failure: unknown = await work().catch((error: unknown) => error);
    assert.instance(failure, RedisUnavailableError);
  }
});
