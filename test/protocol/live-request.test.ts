import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { decodeLiveMessage } from '../../src/stream/live-message.ts';
import { type LiveRequest, parseLiveRequest, RequestRefusal } from '../../src/protocol/live-request.ts';
import type { CodecName } from '../../src/protocol/version.ts';
import { MAX_TOKEN_LENGTH } from '../../src/protocol/version.ts';
import { suite } from '../support/suite.ts';

const test = suite('requests of dashboards');
const packr = new Packr({ useRecords: false });
const CODECS: readonly CodecName[] = ['json', 'msgpack'];

const encode = (message: unknown, codec: CodecName): Buffer =>
  codec === 'json' ? Buffer.from(JSON.stringify(message)) : packr.pack(message);

function outcomeOf(bytes: Buffer, codec: CodecName): LiveRequest | 'bad' | number {
  try {
    return parseLiveRequest(bytes, codec);
  } catch (error) {
    if (error instanceof RequestRefusal) return error.code;
    if (error instanceof BadFrameError) return 'bad';
    throw error;
  }
}

const NOTHING = { trades: [], bars: [], updatedBars: [], flushes: [] };
const NO_OPTIONS = { snapshot: false, mode: undefined, maxHz: undefined, positions: undefined, resume: undefined };
/** So many unknown channels without symbols. */
const channels = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, n) => [`c${n}`, []]));

const GOOD: ReadonlyArray<readonly [message: object, request: LiveRequest]> = [
  [
    { action: 'auth', token: 't' },
    { action: 'auth', token: 't' },
  ],
  [
    { action: 'auth', key: 'k', secret: 's' },
    { action: 'auth', token: 's' },
  ],
  [{ action: 'unsubscribe' }, { action: 'unsubscribe', lists: NOTHING, otherChannels: [] }],
  [
    { action: 'subscribe', trades: ['A', 'A', '*'], quotes: ['anything at all'], dailyBars: null },
    { action: 'subscribe', lists: { ...NOTHING, trades: ['A', '*'] }, otherChannels: [], options: NO_OPTIONS },
  ],
  // Alpaca's Go SDK names every channel of every market, those without symbols as null.
  [
    { action: 'subscribe', trades: ['A'], bars: null, updatedBars: null, flushes: null, news: null, pricing: null },
    { action: 'subscribe', lists: { ...NOTHING, trades: ['A'] }, otherChannels: ['pricing'], options: NO_OPTIONS },
  ],
  [
    { action: 'unsubscribe', trades: null, pricing: ['BTC-PERP'], constructor: null },
    { action: 'unsubscribe', lists: NOTHING, otherChannels: ['pricing', 'constructor'] },
  ],
  [
    { action: 'subscribe', mode: 'latest', maxHz: 2.5, positions: true, snapshot: true, resume: 'p', flushes: ['f'] },
    {
      action: 'subscribe',
      lists: { ...NOTHING, flushes: ['f'] },
      otherChannels: [],
      options: { snapshot: true, mode: 'latest', maxHz: 2.5, positions: true, resume: 'p' },
    },
  ],
];
const BAD: ReadonlyArray<readonly [what: string, message: unknown, outcome: 'bad' | number]> = [
  ['an array', [], 'bad'],
  ['a number', 5, 'bad'],
  ['an action that is no text', { action: 1 }, 'bad'],
  ['a prototype’s name as action', { action: 'constructor' }, 'bad'],
  ['a token that is no text', { action: 'auth', token: 5 }, 'bad'],
  ['a token beyond any length', { action: 'auth', token: 'x'.repeat(MAX_TOKEN_LENGTH + 1) }, 'bad'],
  ['options in unsubscribe', { action: 'unsubscribe', snapshot: true }, 'bad'],
  ['an option in unsubscribe, as null', { action: 'unsubscribe', snapshot: null }, 'bad'],
  ['a misspelt option', { action: 'subscribe', maxhz: 5 }, 'bad'],
  ['a misspelt option, off', { action: 'subscribe', Snapshot: false }, 'bad'],
  ['an unknown channel that is a text', { action: 'subscribe', pricing: 'BTC' }, 'bad'],
  ['an unknown channel that is a map', { action: 'subscribe', pricing: {} }, 'bad'],
  ['an unknown channel of numbers', { action: 'subscribe', pricing: [5] }, 'bad'],
  ['an unknown channel named like the type of a reply', { action: 'subscribe', T: [] }, 'bad'],
  ['an unknown channel named like the prototype', JSON.parse('{"action":"subscribe","__proto__":[]}'), 'bad'],
  ['an unknown channel without a name', { action: 'subscribe', '': [] }, 'bad'],
  ['an unknown channel beyond any length', { action: 'subscribe', ['x'.repeat(65)]: [] }, 'bad'],
  ['an unknown key of auth', { action: 'auth', token: 't', pricing: [] }, 'bad'],
  ['33 keys', { action: 'subscribe', ...channels(32) }, 'bad'],
  ['a map for a list', { action: 'subscribe', trades: { 0: 'A' } }, 'bad'],
  ['a list in a list', { action: 'subscribe', trades: [['A']] }, 'bad'],
  ['snapshot as a text', { action: 'subscribe', snapshot: 'yes' }, 'bad'],
  ['maxHz beyond reason', { action: 'subscribe', maxHz: 1e9 }, 'bad'],
  ['resume as a number', { action: 'subscribe', resume: 5 }, 'bad'],
  ['an empty symbol', { action: 'subscribe', bars: [''] }, 400],
  ['a symbol with a quote', { action: 'subscribe', updatedBars: ['A"'] }, 400],
  ['a feed name beyond any length', { action: 'subscribe', flushes: ['f'.repeat(100)] }, 400],
  ['a feed name with a blank', { action: 'subscribe', flushes: ['f', 'a b'] }, 400],
  ['the name of an internal feed', { action: 'unsubscribe', flushes: ['~gw-x'] }, 400],
  ['publish', { action: 'publish', ticks: [] }, 410],
];

for (const codec of CODECS) {
  test(`${codec}: 32 keys are the most of a message`, () => {
    const request = outcomeOf(encode({ action: 'subscribe', ...channels(31) }, codec), codec);
    assert.ok(typeof request === 'object' && request.action === 'subscribe');
    assert.is(request.otherChannels.length, 31);
  });
  for (const [message, request] of GOOD) {
    test(`${codec}: ${JSON.stringify(message)}`, () => assert.equal(outcomeOf(encode(message, codec), codec), request));
  }
  for (const [what, message, outcome] of BAD) {
    test(`${codec}: ${what}`, () => assert.is(outcomeOf(encode(message, codec), codec), outcome));
  }
  test(`${codec}: any bytes, any change to good ones: an answer, never another error`, () => {
    const good = fc.constantFrom(...GOOD.map(([message]) => encode(message, codec)));
    const changed = fc.tuple(good, fc.nat(200), fc.integer({ min: 0, max: 255 })).map(([bytes, at, value]) => {
      const copy = Buffer.from(bytes);
      copy[at % copy.length] = value;
      return copy;
    });
    const any = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(any, changed), (bytes) => void outcomeOf(bytes, codec)),
      { numRuns: 3_000 },
    );
  });
}

test('a live message without its header, or cut anywhere, is a bad frame', () => {
  for (const text of ['', '\n', '1-1\n', '1-1 0 1\nx', '1-1 0 x mark\nx', `${'1'.repeat(300)}\n`]) {
    assert.throws(
      () => decodeLiveMessage(Buffer.from(text)),
      (error: unknown) => error instanceof BadFrameError,
    );
  }
});
