import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { type FeedRequest, isFeedName, parseFeedRequest } from '../../src/protocol/feed-request.ts';
import { FrameTooLargeError, TickChecker } from '../../src/market/tick-check.ts';
import { MAX_SEQ } from '../../src/market/tick.ts';
import type { CodecName } from '../../src/protocol/version.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { MAX_TOKEN_LENGTH } from '../../src/protocol/version.ts';
import { suite } from '../support/suite.ts';
import { BOMBS, hex } from '../market/msgpack-forms.ts';

const test = suite('requests of feeds');
const NOW = 1_764_576_000_000_000;
const OPTIONS = { nowMicros: NOW, maxTicks: 3, maxDays: 366 };
const MAX_BOMB_MS = 50;
const checker = new TickChecker();
const packr = new Packr({ useRecords: false, variableMapSize: true });
const CODECS: readonly CodecName[] = ['msgpack', 'json'];

const parse = (bytes: Buffer, codec: CodecName): FeedRequest => parseFeedRequest(bytes, codec, checker, OPTIONS);
const encode = (message: unknown, codec: CodecName): Buffer =>
  codec === 'json' ? Buffer.from(JSON.stringify(message)) : Buffer.from(packr.pack(message));

/** The request without the bytes of its ticks, which are the tick check's matter. */
function summary(request: FeedRequest): unknown {
  return request.action === 'publish' ? { ...request, ticks: request.ticks.count } : request;
}

const TICK = ['COMI', 45.5, 100, NOW];
const OPEN = { action: 'open', instance: undefined, attempt: 1, have: 0, live: true };
const GOOD: ReadonlyArray<readonly [message: object, request: unknown]> = [
  [
    { action: 'auth', token: 'secret' },
    { action: 'auth', token: 'secret' },
  ],
  [
    { action: 'auth', key: 'k', secret: 's' },
    { action: 'auth', token: 's' },
  ],
  [
    { action: 'open', feed: 'egx-main' },
    { ...OPEN, feed: 'egx-main' },
  ],
  [
    { action: 'open', feed: 'a.b:c_d', instance: 'i-1', attempt: 3, have: MAX_SEQ, live: false },
    { ...OPEN, feed: 'a.b:c_d', instance: 'i-1', attempt: 3, have: MAX_SEQ, live: false },
  ],
  [
    { action: 'open', feed: 'f', instance: null, live: null },
    { ...OPEN, feed: 'f' },
  ],
  [
    { action: 'publish', seq: 1, prev: 0, ticks: [] },
    { action: 'publish', seq: 1, prev: 0, id: undefined, ticks: 0 },
  ],
  [
    { action: 'publish', seq: MAX_SEQ, prev: MAX_SEQ - 1, ticks: [TICK, TICK, TICK] },
    { action: 'publish', seq: MAX_SEQ, prev: MAX_SEQ - 1, id: undefined, ticks: 3 },
  ],
  [
    { ticks: [TICK], prev: 4, seq: 9, action: 'publish' },
    { action: 'publish', seq: 9, prev: 4, id: undefined, ticks: 1 },
  ],
  [
    { action: 'publish', ticks: [TICK] },
    { action: 'publish', seq: undefined, prev: 0, id: undefined, ticks: 1 },
  ],
  [
    { action: 'publish', id: 'x', ticks: [TICK] },
    { action: 'publish', seq: undefined, prev: 0, id: 'x', ticks: 1 },
  ],
  [
    { action: 'publish', id: 7, ticks: [TICK] },
    { action: 'publish', seq: undefined, prev: 0, id: 7, ticks: 1 },
  ],
  [
    { action: 'skip', to: 0, next: MAX_SEQ },
    { action: 'skip', to: 0, next: MAX_SEQ },
  ],
];
for (const codec of CODECS) {
  for (const [message, request] of GOOD) {
    test(`${codec}: ${JSON.stringify(message)}`, () =>
      assert.equal(summary(parse(encode(message, codec), codec)), request));
  }
}

const PUBLISH = { action: 'publish', seq: 2, prev: 1, ticks: [] };
const BAD: ReadonlyArray<readonly [what: string, message: unknown]> = [
  ['a list', []],
  ['a number', 7],
  ['a text', 'open'],
  ['nothing', null],
  ['no action', {}],
  ['an unknown action', { action: 'close' }],
  ['an action by inheritance', { action: 'constructor' }],
  ['an action that is a number', { action: 1 }],
  ['an unknown key', { action: 'skip', to: 1, next: 2, more: 1 }],
  ['a key of another action', { action: 'skip', to: 1, next: 2, seq: 1 }],
  ['nine keys', Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`k${at}`, 1]))],
  ['auth without a token', { action: 'auth' }],
  ['a token that is a number', { action: 'auth', token: 1 }],
  ['a token longer than any may be', { action: 'auth', token: 'x'.repeat(MAX_TOKEN_LENGTH + 1) }],
  ['open without a feed', { action: 'open' }],
  ['an empty feed', { action: 'open', feed: '' }],
  ['a feed of the gateway', { action: 'open', feed: '~gw-1' }],
  ['a feed of 65 characters', { action: 'open', feed: 'f'.repeat(65) }],
  ['a feed with a space', { action: 'open', feed: 'a b' }],
  ['a feed with a line end', { action: 'open', feed: 'a\n' }],
  ['an instance with a space', { action: 'open', feed: 'f', instance: 'a b' }],
  ['an instance that is a number', { action: 'open', feed: 'f', instance: 1 }],
  ['attempt 0', { action: 'open', feed: 'f', attempt: 0 }],
  ['attempt 1.5', { action: 'open', feed: 'f', attempt: 1.5 }],
  ['have below 0', { action: 'open', feed: 'f', have: -1 }],
  ['have that is a text', { action: 'open', feed: 'f', have: '1' }],
  ['live that is a number', { action: 'open', feed: 'f', live: 1 }],
  ['publish without ticks', { action: 'publish', seq: 1, prev: 0 }],
  ['ticks that are a text', { ...PUBLISH, ticks: 'x' }],
  ['ticks that are nothing', { ...PUBLISH, ticks: null }],
  ['seq without prev', { action: 'publish', seq: 1, ticks: [] }],
  ['prev without seq', { action: 'publish', prev: 0, ticks: [] }],
  ['seq = prev', { ...PUBLISH, prev: 2 }],
  ['seq below prev', { ...PUBLISH, prev: 3 }],
  ['seq 0', { ...PUBLISH, seq: 0, prev: 0 }],
  ['seq 2^53', { ...PUBLISH, seq: 2 ** 53 }],
  ['seq 1.5', { ...PUBLISH, seq: 1.5 }],
  ['seq that is a text', { ...PUBLISH, seq: '2' }],
  ['prev below 0', { ...PUBLISH, prev: -1 }],
  ['a truth for an id', { action: 'publish', id: true, ticks: [] }],
  ['an id of 129 characters', { action: 'publish', id: 'x'.repeat(129), ticks: [] }],
  ['a list for a seq', { ...PUBLISH, seq: [2] }],
  ['skip without its end', { action: 'skip', to: 1 }],
  ['skip to where it is', { action: 'skip', to: 1, next: 1 }],
  ['skip backwards', { action: 'skip', to: 2, next: 1 }],
];
for (const codec of CODECS) {
  for (const [what, message] of BAD) {
    test(`${codec}, refused: ${what}`, () => {
      assert.throws(
        () => parse(encode(message, codec), codec),
        (error: unknown) => error instanceof BadFrameError,
      );
    });
  }
  test(`${codec}: more ticks than allowed`, () => {
    const message = { ...PUBLISH, ticks: [TICK, TICK, TICK, TICK] };
    assert.throws(
      () => parse(encode(message, codec), codec),
      (error: unknown) => error instanceof FrameTooLargeError,
    );
  });
}

const BAD_BYTES: ReadonlyArray<readonly [what: string, bytes: Buffer]> = [
  ['a key twice', hex('82 a6 616374696f6e a4 736b6970 a6 616374696f6e a4 736b6970')],
  ['a key that is a number', hex('81 01 02')],
  ['bytes behind the message', Buffer.concat([encode({ action: 'skip', to: 0, next: 1 }, 'msgpack'), hex('c0')])],
  ['two messages', Buffer.concat([encode(PUBLISH, 'msgpack'), encode(PUBLISH, 'msgpack')])],
  ['ticks twice', hex('82 a5 7469636b73 90 a5 7469636b73 90')],
  ...BOMBS,
  ...BOMBS.map(
    ([what, bytes]) =>
      [
        `for ticks: ${what}`,
        Buffer.concat([hex('82 a6 616374696f6e a7 7075626c697368 a5 7469636b73'), bytes]),
      ] as const,
  ),
  ...BOMBS.map(([what, bytes]) => [`for a field: ${what}`, Buffer.concat([hex('81 a3 736571'), bytes])] as const),
];
for (const [what, bytes] of BAD_BYTES) {
  test(`refused at once: ${what}`, () => {
    const startMs = cpuMs();
    assert.throws(
      () => parse(bytes, 'msgpack'),
      (error: unknown) => error instanceof BadFrameError || error instanceof FrameTooLargeError,
    );
    assert.ok(cpuMs() - startMs < MAX_BOMB_MS);
  });
}

const BAD_TEXTS: ReadonlyArray<readonly [what: string, text: string]> = [
  ['nothing', ''],
  ['half a message', '{"action":"skip","to":0'],
  ['two messages', '{"action":"skip","to":0,"next":1}{}'],
  ['a comment', '{"action":"skip","to":0,"next":1}//'],
  ['NaN', '{"action":"skip","to":0,"next":NaN}'],
  ['a prototype', '{"__proto__":{"action":"skip","to":0,"next":1}}'],
  ['100,000 brackets', '['.repeat(100_000)],
  ['20,000 levels', `{"ticks":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
];
for (const [what, text] of BAD_TEXTS) {
  test(`JSON, refused: ${what}`, () => {
    assert.throws(
      () => parse(Buffer.from(text), 'json'),
      (error: unknown) => error instanceof BadFrameError,
    );
  });
}

test('cut short at every byte', () => {
  const bytes = encode({ action: 'publish', seq: 300, prev: 7, ticks: [TICK] }, 'msgpack');
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => parse(bytes.subarray(0, length), 'msgpack'),
      (error: unknown) => error instanceof BadFrameError,
      `cut to ${length}`,
    );
  }
});

test('any message is parsed or refused', () => {
  const whole = encode({ action: 'publish', seq: 300, prev: 7, ticks: [TICK, TICK] }, 'msgpack');
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 80 }).map((each) => Buffer.from(each)),
    fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      return changed;
    }),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom(...CODECS), (message, codec) => {
      try {
        parse(message, codec);
      } catch (error) {
        assert.ok(error instanceof BadFrameError || error instanceof FrameTooLargeError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

test('names of feeds', () => {
  for (const name of ['f', 'egx-main', 'A.b:c_d-9', '0', 'x'.repeat(64)]) assert.ok(isFeedName(name), name);
  for (const name of ['', '~gw', '-f', '.f', 'a/b', 'a b', 'é', 'x'.repeat(65), 'a\n'])
    assert.not.ok(isFeedName(name), name);
});
