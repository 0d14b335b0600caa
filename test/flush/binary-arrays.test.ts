import * as fc from 'fast-check';
import type { Client } from 'pg';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import {
  float8Array,
  int8Array,
  numericArray,
  readFloat8Array,
  readInt8Array,
  readTimestampArray,
  textArray,
  timestampArray,
} from '../../src/flush/binary-arrays.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { suite } from '../support/suite.ts';

const test = suite('arrays in PostgreSQL’s binary format', { timeoutMs: 60_000 });
let client: Client;
test.before(async () => {
  client = await connectPostgres(loadConfig(process.env));
});
test.after(() => client.end());

/** What PostgreSQL took an array for, element by element as text, and what it sends back. */
async function sent(type: string, array: Buffer): Promise<{ readonly texts: string[]; readonly bytes: Buffer }> {
  const { rows } = await client.query<{ texts: string[]; bytes: Buffer }>(
    `SELECT $1::${type}[]::text[] AS texts, array_send($1::${type}[]) AS bytes`,
    [array],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('no row');
  return row;
}

const EDGES = [0, 1, 9_999, 10_000, 10_001, 99_990_000, 100_000_000, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

test('text: any characters', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'binary' })), async (values) => {
      const clean = values.map((value) => value.replaceAll(/[\0\uD800-\uDFFF]/gu, '?'));
      assert.equal((await sent('text', textArray(clean))).texts, clean);
    }),
    { numRuns: 50 },
  );
  assert.equal((await sent('text', textArray(['NULL', '', '"', '{a,b}', '\\']))).texts, [
    'NULL',
    '',
    '"',
    '{a,b}',
    '\\',
  ]);
});

test('bigint: every integer that a number holds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.maxSafeInteger()), async (values) => {
      const { texts, bytes } = await sent('bigint', int8Array(values));
      assert.equal(texts.map(Number), values);
      assert.equal(readInt8Array(bytes), values);
    }),
    { numRuns: 50 },
  );
  assert.equal(
    (await sent('bigint', int8Array([...EDGES, -1, -(2 ** 32)]))).texts,
    [...EDGES, -1, -(2 ** 32)].map(String),
  );
});

test('double precision: every number', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.double({ noNaN: true })), async (values) => {
      const { texts, bytes } = await sent('double precision', float8Array(values));
      assert.equal(texts.map(Number), values);
      assert.equal(readFloat8Array(bytes), values);
    }),
    { numRuns: 50 },
  );
});

test('timestamptz: to the microsecond, before 1970 and after 2038 too', async () => {
  const micros = [-1, 0, 1, 946_684_799_999_999, 946_684_800_000_000, 1_764_576_000_000_001, 4_102_444_800_999_999];
  const array = timestampArray(micros);
  assert.equal(readTimestampArray((await sent('timestamptz', array)).bytes), micros);
  const { rows } = await client.query<{ micros: string }>(
    `SELECT (extract(epoch FROM time) * 1000000)::bigint::text AS micros FROM unnest($1::timestamptz[]) AS t (time)`,
    [array],
  );
  assert.equal(
    rows.map((row) => Number(row.micros)),
    micros,
  );
});

test('numeric: integers of any size, exactly the value of the number', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.maxSafeNat(), fc.double({ min: 2 ** 53, max: 1e36, noNaN: true }))),
      async (values) => {
        const { texts } = await sent('numeric', numericArray(values));
        assert.equal(
          texts,
          values.map((value) => String(BigInt(value))),
        );
      },
    ),
    { numRuns: 50 },
  );
  const all = [...EDGES, 2 ** 53, 1e30, Number.MAX_VALUE];
  assert.equal(
    (await sent('numeric', numericArray(all))).texts,
    all.map((value) => String(BigInt(value))),
  );
});

test('numeric: bigints, exactly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.bigInt({ min: 0n, max: 10n ** 60n })), async (values) => {
      assert.equal((await sent('numeric', numericArray(values))).texts, values.map(String));
    }),
    { numRuns: 50 },
  );
  const mixed = [0n, 1, 9_999n, 10_000n, 2 ** 53, 2n ** 53n + 1n, 10n ** 36n];
  assert.equal((await sent('numeric', numericArray(mixed))).texts, mixed.map(String));
});

test('an empty array, and one that was cut', async () => {
  for (const array of [textArray([]), int8Array([]), float8Array([]), numericArray([]), timestampArray([])])
    assert.is(array.readInt32BE(12), 0);
  assert.equal((await sent('bigint', int8Array([]))).texts, []);
  assert.equal(readInt8Array((await sent('bigint', int8Array([]))).bytes), []);
  for (const length of [0, 19, 31, 43])
    assert.throws(
      () => readFloat8Array(float8Array([1, 2]).subarray(0, length)),
      (error: unknown) => error instanceof RangeError,
    );
});
