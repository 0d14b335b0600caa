import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { decodeStreamEntry, encodeStreamEntry, skipFrame, type StreamEntry } from '../../src/stream/stream-entry.ts';
import { MAX_SEQ, REJECT_REASONS } from '../../src/market/tick.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { suite } from '../support/suite.ts';
import { BOMBS, hex } from '../market/msgpack-forms.ts';

const test = suite('stream entry');
const MAX_BOMB_MS = 50;

const buffer = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const rejected = fc.record(
  { index: fc.nat(5_000), reason: fc.constantFrom(...REJECT_REASONS), raw: buffer(20) },
  { noNullPrototype: true },
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 ** 40 }) },
);
const content = fc.record({
  step,
  isSkip: fc.boolean(),
  count: fc.nat(5_000),
  rows: buffer(60),
  rejected: fc.array(rejected, { maxLength: 3 }),
});

const anyEntry: fc.Arbitrary<StreamEntry> = fc
  .record({
    feed: fc.string({ unit: 'grapheme', maxLength: 70 }),
    writer: fc.string({ maxLength: 300 }),
    live: fc.boolean(),
    acceptedAtMs: fc.maxSafeNat(),
    first: fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 52),
    contents: fc.array(content, { maxLength: 8 }),
  })
  .map(({ first, contents, ...entry }) => {
    let prev = first;
    const frames = contents.map(({ step: by, isSkip, ...rest }) => {
      const seq = prev + by;
      const frame = isSkip ? skipFrame(prev, seq) : { seq, prev, skip: false, ...rest };
      prev = seq;
      return frame;
    });
    return { ...entry, frames };
  });

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => assert.equal(decodeStreamEntry(encodeStreamEntry(entry)), entry)),
    { numRuns: 1_000 },
  );
});

test('numbers up to 2^53 - 1 are exact', () => {
  for (const [prev, seq] of [
    [0, MAX_SEQ],
    [MAX_SEQ - 1, MAX_SEQ],
    [2 ** 32 - 1, 2 ** 32],
    [2 ** 52, 2 ** 52 + 1],
  ] as const) {
    const entry = { feed: 'f', writer: 'w', live: true, acceptedAtMs: MAX_SEQ, frames: [skipFrame(prev, seq)] };
    assert.equal(decodeStreamEntry(encodeStreamEntry(entry)), entry);
  }
});

test('a frame that leaves out no number and rejects nothing costs two bytes beside its rows', () => {
  const frames = Array.from({ length: 100 }, (_, at) => ({
    ...skipFrame(at, at + 1),
    skip: false,
    count: 1,
    rows: Buffer.alloc(28),
  }));
  const entry = { feed: 'f', writer: 'w', live: true, acceptedAtMs: 1, frames: frames.slice(0, 1) };
  const one = encodeStreamEntry(entry).length;
  assert.is(encodeStreamEntry({ ...entry, frames }).length - one, 99 * 30);
});

test('an encoded entry is its own bytes', () => {
  const entry = { feed: 'f', writer: 'w', live: true, acceptedAtMs: 1, frames: [skipFrame(0, 1)] };
  const first = encodeStreamEntry(entry);
  const copy = Buffer.from(first);
  encodeStreamEntry({ ...entry, feed: 'another' });
  assert.ok(first.equals(copy));
});

const ENTRY = encodeStreamEntry({
  feed: 'egx-main',
  writer: 'instance',
  live: true,
  acceptedAtMs: 1_764_576_000_000,
  frames: [
    {
      seq: 300,
      prev: 100,
      skip: false,
      count: 2,
      rows: hex('92 01 02'),
      rejected: [{ index: 1, reason: 'day_spread', raw: hex('aa bb') }],
    },
    skipFrame(300, 301),
  ],
});

test('cut short at every byte', () => {
  for (let length = 0; length < ENTRY.length; length++) {
    assert.throws(
      () => decodeStreamEntry(ENTRY.subarray(0, length)),
      (error: unknown) => error instanceof BadFrameError,
      `cut to ${length}`,
    );
  }
});

const WRONG: ReadonlyArray<readonly [what: string, bytes: Buffer]> = [
  ['another version', Buffer.concat([hex('01'), ENTRY.subarray(1)])],
  ['version 0', Buffer.concat([hex('00'), ENTRY.subarray(1)])],
  ['a reason that there is not', hex('02 00 00 00 00 00 01 0a 00 01 00 ff 00')],
  ['a text of 2^49 bytes', hex('02 00 ff ff ff ff ff ff 7f')],
  ['a number without an end', Buffer.concat([hex('02 00'), Buffer.alloc(64_000, 0xff)])],
  ['2^49 frames', hex('02 00 00 00 00 00 ff ff ff ff ff ff 7f')],
  ['2^49 rejected ticks', hex('02 00 00 00 00 00 01 0a 00 ff ff ff ff ff ff 7f')],
];
for (const [what, bytes] of [...WRONG, ...BOMBS]) {
  test(`refused at once: ${what}`, () => {
    const startMs = cpuMs();
    assert.throws(
      () => decodeStreamEntry(bytes),
      (error: unknown) => error instanceof BadFrameError,
    );
    assert.ok(cpuMs() - startMs < MAX_BOMB_MS);
  });
}

test('any bytes are an entry or refused', () => {
  const bytes = fc.oneof(
    buffer(80),
    fc.tuple(fc.nat(ENTRY.length - 1), fc.nat(255)).map(([at, byte]) => {
      const changed = Buffer.from(ENTRY);
      changed[at] = byte;
      return changed;
    }),
  );
  fc.assert(
    fc.property(bytes, (message) => {
      try {
        decodeStreamEntry(message);
      } catch (error) {
        assert.instance(error, BadFrameError);
      }
    }),
    { numRuns: 5_000 },
  );
});
