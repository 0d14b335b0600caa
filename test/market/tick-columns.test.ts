import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { BadFrameError } from '../../src/market/bad-frame-error.ts';
import { SymbolTable } from '../../src/market/symbol-table.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { suite } from '../support/suite.ts';
import { hex } from './msgpack-forms.ts';

const test = suite('tick columns');
/** `["A", 1.5, 7, 2^32]` as it stands in the buffer. */
const ROW = hex('94 a1 41 cb 3f f8 00 00 00 00 00 00 07 cf 00 00 00 01 00 00 00 00');

test('each symbol has one number, however many there are', () => {
  const table = new SymbolTable();
  const names = Array.from({ length: 20_000 }, (_, at) => `S${at}`);
  const numbers = names.map((name) => table.intern(Buffer.from(name), 0, name.length));
  assert.is(new Set(numbers).size, names.length);
  names.forEach((name, at) => {
    const bytes = Buffer.from(`xx${name}yy`);
    assert.is(table.intern(bytes, 2, bytes.length - 2), numbers[at]);
    assert.is(table.names[numbers[at] ?? -1], name);
    assert.is(table.bytesOf(numbers[at] ?? -1).toString(), name);
  });
  assert.is(table.names.length, names.length);
  assert.throws(
    () => table.bytesOf(names.length),
    (error: unknown) => error instanceof RangeError,
  );
});

test('symbols of one hash are told apart', () => {
  // 31 × 'A' + 'a' = 31 × 'B' + 'B': every text of these two pairs has the hash of every other.
  const table = new SymbolTable();
  const names = Array.from({ length: 256 }, (_, bits) =>
    Array.from({ length: 8 }, (__, at) => ((bits >> at) & 1 ? 'Aa' : 'BB')).join(''),
  );
  const numbers = names.map((name) => table.intern(Buffer.from(name), 0, name.length));
  assert.is(new Set(numbers).size, names.length);
  names.forEach((name, at) => assert.is(table.intern(Buffer.from(name), 0, name.length), numbers[at]));
});

test('symbols of one length and one ending are told apart, where they stand side by side', () => {
  // The table is up to half full: looking one up passes others that have the same last eight bytes.
  const table = new SymbolTable();
  const names = Array.from({ length: 9_000 }, (_, at) => `${1_000 + at}.EGX.CAI`);
  const numbers = names.map((name) => table.intern(Buffer.from(name), 0, name.length));
  assert.is(new Set(numbers).size, names.length);
  names.forEach((name, at) => assert.is(table.intern(Buffer.from(name), 0, name.length), numbers[at]));
});

test('the table keeps its own bytes', () => {
  const table = new SymbolTable();
  const message = Buffer.from('COMI');
  const number = table.intern(message, 0, 4);
  message.fill(0);
  assert.is(table.bytesOf(number).toString(), 'COMI');
  assert.is(table.intern(Buffer.from('COMI'), 0, 4), number);
});

test('rows are appended behind each other, from the middle of a buffer, and grow as they must', () => {
  const columns = new TickColumns();
  const bytes = Buffer.concat([hex('ff ff'), hex('92'), ROW, ROW, hex('ff')]);
  for (let round = 0; round < 5_000; round++) assert.is(columns.appendRows(bytes, 2, bytes.length - 1), 2);
  assert.is(columns.length, 10_000);
  for (const at of [0, 4_095, 4_096, 9_999]) {
    assert.is(columns.symbolTable.names[columns.symbol[at] ?? -1], 'A');
    assert.equal([columns.price[at], columns.volume[at], columns.timeMicros[at]], [1.5, 7, 2 ** 32]);
  }
  columns.clear();
  assert.is(columns.length, 0);
  assert.is(columns.appendRows(hex('90'), 0, 1), 0);
});

const NOT_ROWS: ReadonlyArray<readonly [what: string, bytes: Buffer]> = [
  ['a map', hex('80')],
  ['a row of three', Buffer.concat([hex('91 93'), ROW.subarray(1)])],
  ['a long header for a row', Buffer.concat([hex('91 dc 00 04'), ROW.subarray(1)])],
  ['fewer rows than are claimed', Buffer.concat([hex('92'), ROW])],
  ['2^32 - 1 rows', hex('dd ff ff ff ff 94')],
  ['a text for a price', hex('91 94 a1 41 a1 41 07 cf 00 00 00 01 00 00 00 00')],
  ['nil for a volume', hex('91 94 a1 41 cb 3f f8 00 00 00 00 00 00 c0 cf 00 00 00 01 00 00 00 00')],
  ['a short time', hex('91 94 a1 41 cb 3f f8 00 00 00 00 00 00 07 ce 00 00 00 01')],
  ['a symbol longer than the rows', hex('91 94 bf 41 41')],
];
for (const [what, bytes] of NOT_ROWS) {
  test(`not rows: ${what}`, () => {
    const columns = new TickColumns();
    columns.appendRows(Buffer.concat([hex('91'), ROW]), 0, ROW.length + 1);
    assert.throws(
      () => columns.appendRows(bytes, 0, bytes.length),
      (error: unknown) => error instanceof BadFrameError,
    );
    assert.is(columns.length, 1, 'nothing was appended');
  });
}

test('cut short at every byte', () => {
  const bytes = Buffer.concat([hex('92'), ROW, ROW, ROW]);
  for (let end = 1; end < 1 + 2 * ROW.length; end++) {
    // What lies behind the end belongs to another frame and must not be read.
    assert.throws(
      () => new TickColumns().appendRows(bytes, 0, end),
      (error: unknown) => error instanceof BadFrameError,
      `cut to ${end}`,
    );
  }
});

test('rows that end in their header', () => {
  for (const bytes of [hex(''), hex('dc'), hex('dc 00'), hex('dd 00 00 00')])
    assert.throws(
      () => new TickColumns().appendRows(bytes, 0, bytes.length),
      (error: unknown) => error instanceof BadFrameError,
    );
});

test('any bytes are rows or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 80 }), fc.boolean(), (bytes, looksRight) => {
      const message = looksRight ? Buffer.concat([hex('91'), ROW]) : Buffer.from(bytes);
      if (looksRight) message.set(bytes.subarray(0, 4), Math.min(bytes[0] ?? 1, message.length - 4));
      try {
        new TickColumns().appendRows(message, 0, message.length);
      } catch (error) {
        assert.instance(error, BadFrameError);
      }
    }),
    { numRuns: 5_000 },
  );
});
