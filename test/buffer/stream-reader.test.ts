import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { bufferKeys } from '../../src/buffer/keys.ts';
import { StreamReader } from '../../src/buffer/stream-reader.ts';
import { suite } from '../support/suite.ts';
import { FakeLink } from './fake-redis.ts';

const test = suite('stream reader');
const KEYS = bufferKeys('egx', 3);
const TRIM_SHA = createHash('sha1')
  .update(readFileSync(new URL('../../src/buffer/lua/trim.lua', import.meta.url)))
  .digest('hex');

function openReader() {
  const link = new FakeLink();
  return { link, reader: new StreamReader(link, KEYS) };
}

/** The answer of EXEC: an error or a value for each command. */
function execAnswer(meta: ReadonlyArray<string | null>, exists: number, range: unknown): unknown {
  return [meta, exists, range].map((value) => [null, value]);
}

/** An entry as XRANGE answers it, fields in any order. */
function rawEntry(id: string, fields: Readonly<Record<string, string>>): unknown {
  return [Buffer.from(id), Object.entries(fields).flatMap(([name, value]) => [Buffer.from(name), Buffer.from(value)])];
}

const META = ['stream-1', '30', '12', '4'];

test('read: entries after the cursor with the stream’s identity, in one transaction', async () => {
  const { link, reader } = openReader();
  link.onCommand = () => execAnswer(META, 1, []);
  await reader.read('5-3', 17);
  assert.equal(link.commands, [
    [
      'exec',
      ['hmget', KEYS.meta, 'incarnation', 'total', 'handled', 'shown'],
      ['exists', KEYS.stream],
      ['xrangeBuffer', KEYS.stream, '(5-3', '+', 'COUNT', 17],
    ],
  ]);
  link.commands.length = 0;
  await reader.read(undefined, 17);
  assert.equal(link.commands[0]?.at(-1), ['xrangeBuffer', KEYS.stream, '(0-0', '+', 'COUNT', 17], 'from the start');
});

test('read: a page, parsed', async () => {
  const { link, reader } = openReader();
  const first = rawEntry('5-0', { f: 'f', g: 'G', t: '13', p: '7', n: '3', d: 'data' });
  const second = rawEntry('5-1', { d: '', n: '0', x: 'unknown', t: '9007199254740991', g: 'H', f: 'é', p: '0' });
  link.onCommand = () => execAnswer(META, 1, [first, second]);
  assert.equal(await reader.read(undefined, 10), {
    run: 'run-1',
    streamId: 'stream-1',
    pendingTicks: 18,
    liveSeq: 4,
    entries: [
      { id: '5-0', feed: 'f', generation: 'G', total: 13, shownUpTo: 7, liveSeq: 3, data: Buffer.from('data') },
      {
        id: '5-1',
        feed: 'é',
        generation: 'H',
        total: Number.MAX_SAFE_INTEGER,
        shownUpTo: 0,
        liveSeq: 0,
        data: Buffer.alloc(0),
      },
    ],
  });
});

test('read: a missing field is empty or zero, and no exception', async () => {
  const { link, reader } = openReader();
  link.onCommand = () => execAnswer(META, 1, [rawEntry('5-0', {}), [Buffer.from('6-0'), null]]);
  const { entries } = await reader.read(undefined, 10);
  const nothing = { feed: '', generation: '', total: 0, shownUpTo: 0, liveSeq: 0, data: Buffer.alloc(0) };
  assert.equal(entries, [
    { id: '5-0', ...nothing },
    { id: '6-0', ...nothing },
  ]);
});

test('read: where the stream is gone its meta means nothing', async () => {
  const { link, reader } = openReader();
  link.onCommand = () => execAnswer(META, 0, []);
  const nothing = { run: 'run-1', streamId: undefined, pendingTicks: 0, liveSeq: 0, entries: [] };
  assert.equal(await reader.read('5-0', 10), nothing);
  link.onCommand = () => execAnswer([null, null, null, null], 0, []);
  assert.equal(await reader.read(undefined, 10), nothing, 'nor where there never was one');
});

test('read: a stream without meta has no identity', async () => {
  const { link, reader } = openReader();
  link.onCommand = () => execAnswer([null, null, null, null], 1, []);
  const { streamId, pendingTicks, liveSeq } = await reader.read(undefined, 10);
  assert.equal([streamId, pendingTicks, liveSeq], [undefined, 0, 0]);
});

test('read: handled beyond the total counts as nothing pending', async () => {
  const { link, reader } = openReader();
  link.onCommand = () => execAnswer(['stream-1', '3', '12', '0'], 1, []);
  assert.is((await reader.read(undefined, 10)).pendingTicks, 0);
});

test('read: the error of one command is thrown', async () => {
  const { link, reader } = openReader();
  link.onCommand = () => [
    [null, META],
    [new Error('WRONGTYPE'), null],
    [null, []],
  ];
  const failure: unknown = await reader.read(undefined, 10).catch((error: unknown) => error);
  assert.instance(failure, Error);
});

const ids = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `${from + index}-0`);

test('trim: which script, keys and arguments; each feed’s state is named once', async () => {
  const { link, reader } = openReader();
  link.onScript = () => ['3-0'];
  const stale = [
    { id: '3-0', feed: 'f', generation: 'G' },
    { id: '4-0', feed: 'g', generation: 'H' },
    { id: '5-0', feed: 'f', generation: 'K' },
  ];
  assert.equal(await reader.trim('stream-1', 42, ['1-0', '2-0'], stale), ['3-0']);
  const staleArgs = ['3-0', 'G', 3, '4-0', 'H', 4, '5-0', 'K', 3];
  assert.equal(link.calls, [
    {
      command: 'EVALSHA',
      script: TRIM_SHA,
      keys: [KEYS.stream, KEYS.meta, KEYS.state('f'), KEYS.state('g')],
      args: ['stream-1', '42', 2, '1-0', '2-0', ...staleArgs],
    },
  ]);
});

test('trim: without entries the handled ticks are counted all the same', async () => {
  const { link, reader } = openReader();
  link.onScript = () => [];
  assert.equal(await reader.trim('stream-1', 42, [], []), []);
  assert.equal(link.calls[0]?.args, ['stream-1', '42', 0]);
});

test('trim: calls of 2000 ids at most, each id in one of them', async () => {
  for (const [committed, stale] of [
    [4_500, 0],
    [0, 4_500],
    [2_000, 2_001],
    [4_001, 100],
  ] as const) {
    const { link, reader } = openReader();
    link.onScript = ({ args }) => {
      const count = Number(args[2]);
      return args.slice(3 + count).filter((_, index) => index % 3 === 0);
    };
    const staleEntries = ids(10_000, 10_000 + stale).map((id) => ({ id, feed: 'f', generation: 'G' }));
    const removed = await reader.trim('stream-1', 1, ids(0, committed), staleEntries);
    assert.equal(
      removed,
      staleEntries.map(({ id }) => id),
    );
    const counts = link.calls.map(({ args }) => Number(args[2]));
    assert.ok(counts.every((count) => count <= 2_000));
    assert.ok(link.calls.every(({ args }) => (args.length - 3 - Number(args[2])) / 3 <= 2_000));
    assert.equal(
      link.calls.flatMap(({ args }, call) => args.slice(3, 3 + (counts[call] ?? 0))),
      ids(0, committed),
    );
    assert.is(link.calls.length, Math.ceil(Math.max(committed, stale) / 2_000));
  }
});

test('trim: another stream is told, and ends it', async () => {
  const { link, reader } = openReader();
  link.onScript = () => (link.calls.length === 1 ? [] : null);
  assert.is(await reader.trim('stream-0', 1, ids(0, 6_000), []), undefined);
  assert.is(link.calls.length, 2);
});

test('invalidate names run and generation as they were observed', async () => {
  const { link, reader } = openReader();
  link.onScript = () => 1;
  assert.is(await reader.invalidate('f', 'run-0', 'G'), true);
  assert.equal(link.calls[0]?.args, ['run-0', 'G', 'f']);
});

test('forget: the state, its take-over key and its name', async () => {
  const { link, reader } = openReader();
  await reader.forget('~1');
  assert.equal(link.commands, [
    ['del', KEYS.state('~1'), KEYS.takeover('~1')],
    ['srem', KEYS.feeds, '~1'],
  ]);
});

test('knownFeeds, pendingTicks and publishFlush', async () => {
  const { link, reader } = openReader();
  link.onCommand = (name) => (name === 'smembers' ? ['f', 'g'] : name === 'hmget' ? ['30', '12'] : 1);
  assert.equal(await reader.knownFeeds(), ['f', 'g']);
  assert.is(await reader.pendingTicks(), 18);
  await reader.publishFlush(Buffer.from('notice'));
  assert.equal(link.commands.at(-1), ['publish', KEYS.flushedChannel, Buffer.from('notice')]);
});
