import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { MsgpackReader } from '../../src/market/msgpack-reader.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { suite } from '../support/suite.ts';
import { arrayHeaders, BOMBS, float32, float64, hex, intForms, textForms, timestampForms } from './msgpack-forms.ts';

const test = suite('msgpack reader');
const packr = new Packr({ useRecords: false });
const MAX_BOMB_MS = 50;

/** Reads one value with `read`, and expects to stand behind it. */
function readWhole<T>(bytes: Buffer, read: (reader: MsgpackReader) => T): T {
  const reader = new MsgpackReader(Buffer.concat([bytes, hex('c0')]));
  const value = read(reader);
  assert.is(reader.pos, bytes.length, `stands at ${reader.pos} after ${bytes.toString('hex')}`);
  return value;
}

const INTEGERS = [
  0n,
  1n,
  127n,
  128n,
  255n,
  256n,
  65_535n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  -1n,
  -32n,
  -33n,
  -128n,
  -129n,
  -32_768n,
  -32_769n,
  -(2n ** 31n),
  -(2n ** 31n) - 1n,
  -(2n ** 53n),
  -(2n ** 63n),
];

test('whole numbers in every form that can hold them', () => {
  for (const value of INTEGERS) {
    for (const form of intForms(value)) {
      assert.is(
        readWhole(form, (reader) => reader.number()),
        Number(value),
        form.toString('hex'),
      );
      assert.is(
        readWhole(form, (reader) => reader.scalar()),
        Number(value),
      );
      readWhole(form, (reader) => reader.skip());
    }
  }
});

test('floats', () => {
  for (const value of [0, -0, 1.5, -2.25, 2 ** -126, 3.5e38, Infinity, -Infinity]) {
    assert.is(
      readWhole(float64(value), (reader) => reader.number()),
      value,
    );
    assert.is(
      readWhole(float32(value), (reader) => reader.number()),
      Math.fround(value),
    );
  }
  assert.ok(Number.isNaN(readWhole(float64(Number.NaN), (reader) => reader.number())));
});

test('texts, arrays and maps in every form', () => {
  for (const text of ['', 'COMI', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255), 'x'.repeat(256), 'كومي', '😀']) {
    for (const form of textForms(text))
      assert.is(
        readWhole(form, (reader) => reader.text()),
        text,
      );
  }
  for (const count of [0, 1, 15, 16, 65_535]) {
    for (const form of arrayHeaders(count))
      assert.is(
        readWhole(form, (reader) => reader.arrayHeader()),
        count,
      );
  }
  for (const [form, count] of [
    ['80', 0],
    ['8f', 15],
    ['de 00 10', 16],
    ['df 00 01 00 00', 65_536],
  ] as const)
    assert.is(
      readWhole(hex(form), (reader) => reader.mapHeader()),
      count,
    );
});

test('timestamps of 4, 8 and 12 bytes', () => {
  const times: ReadonlyArray<readonly [seconds: bigint, nanoseconds: number, micros: number]> = [
    [0n, 0, 0],
    [1_764_576_000n, 0, 1_764_576_000_000_000],
    [1_764_576_000n, 123_456_789, 1_764_576_000_123_456],
    [2n ** 32n, 999_999_999, 2 ** 32 * 1e6 + 999_999],
    [2n ** 34n - 1n, 1_000, (2 ** 34 - 1) * 1e6 + 1],
    [-1n, 500_000_000, -500_000],
    [-(2n ** 40n), 0, -(2 ** 40) * 1e6],
  ];
  for (const [seconds, nanoseconds, micros] of times) {
    for (const form of timestampForms(seconds, nanoseconds)) {
      assert.ok(new MsgpackReader(form).isTimestamp());
      assert.is(
        readWhole(form, (reader) => reader.timestampMicros()),
        micros,
      );
      readWhole(form, (reader) => reader.skip());
    }
  }
});

test('msgpackr writes the same timestamps', () => {
  const date = new Date('2025-12-01T10:00:00.123Z');
  const bytes = Buffer.from(packr.pack(date));
  assert.is(
    readWhole(bytes, (reader) => reader.timestampMicros()),
    date.getTime() * 1_000,
  );
});

test('what another library packs is passed over, as deep as it may be', () => {
  const value = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.array(fc.integer(), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 5 }), fc.integer(), { maxKeys: 20 }),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20 }), (list) =>
      readWhole(Buffer.from(packr.pack(list)), (reader) => reader.skip()),
    ),
  );
});

const WRONG: ReadonlyArray<readonly [what: string, bytes: string, read: (reader: MsgpackReader) => unknown]> = [
  ['a text for a number', 'a1 61', (reader) => reader.number()],
  ['a nil for a number', 'c0', (reader) => reader.number()],
  ['a number for a text', '01', (reader) => reader.text()],
  ['a binary for a text', 'c4 01 61', (reader) => reader.text()],
  ['an array for a map', '90', (reader) => reader.mapHeader()],
  ['a map for an array', '80', (reader) => reader.arrayHeader()],
  ['a number for a truth', '01', (reader) => reader.boolean()],
  ['a text that is not UTF-8', 'a2 c3 28', (reader) => reader.text()],
  ['half a character', 'a1 c3', (reader) => reader.text()],
  ['a surrogate in UTF-8', 'a3 ed a0 80', (reader) => reader.text()],
  ['a text too long for a field', `da 1001${'61'.repeat(4_097)}`, (reader) => reader.text()],
  ['a binary to pass over', 'c4 01 00', (reader) => reader.skip()],
  ['an extension of another type', 'd6 01 00 00 00 00', (reader) => reader.skip()],
  ['a timestamp of a length that there is not', 'c7 05 ff 00 00 00 00 00', (reader) => reader.skip()],
  ['a fixed extension of one byte', 'd4 ff 00', (reader) => reader.skip()],
  ['five levels', '91 91 91 91 91 01', (reader) => reader.skip()],
];
for (const [what, bytes, read] of WRONG) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => read(new MsgpackReader(hex(bytes))),
      (error: unknown) => error instanceof BadFrameError,
    );
  });
}

test('cut short at every byte', () => {
  const whole: ReadonlyArray<readonly [bytes: Buffer, read: (reader: MsgpackReader) => unknown]> = [
    ...intForms(5n).map((form) => [form, (reader: MsgpackReader) => reader.number()] as const),
    ...textForms('COMI').map((form) => [form, (reader: MsgpackReader) => reader.text()] as const),
    ...arrayHeaders(3).map((form) => [form, (reader: MsgpackReader) => reader.arrayHeader()] as const),
    ...timestampForms(9n, 0).map((form) => [form, (reader: MsgpackReader) => reader.skip()] as const),
    [float64(1), (reader) => reader.number()],
    [float32(1), (reader) => reader.number()],
    [hex('93 a1 61 92 01 02 81 a1 62 c3'), (reader) => reader.skip()],
  ];
  for (const [bytes, read] of whole) {
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(
        () => read(new MsgpackReader(bytes.subarray(0, length))),
        (error: unknown) => error instanceof BadFrameError,
        `${bytes.toString('hex')} cut to ${length}`,
      );
    }
  }
});

for (const [name, bytes] of BOMBS) {
  test(`passed over or refused at once: ${name}`, () => {
    const startMs = cpuMs();
    assert.throws(
      () => new MsgpackReader(bytes).skip(),
      (error: unknown) => error instanceof BadFrameError,
    );
    assert.ok(cpuMs() - startMs < MAX_BOMB_MS);
  });
}

test('any bytes are read or refused, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const reader = new MsgpackReader(Buffer.from(bytes));
      try {
        while (!reader.atEnd) reader.skip();
      } catch (error) {
        assert.instance(error, BadFrameError);
      }
      assert.ok(reader.pos <= bytes.length);
    }),
    { numRuns: 5_000 },
  );
});
