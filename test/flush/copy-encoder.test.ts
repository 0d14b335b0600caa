import { pipeline } from 'node:stream/promises';
import * as fc from 'fast-check';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { CopyEncoder } from '../../src/flush/copy-encoder.ts';
import { orderRows, rowOfLine } from '../../src/flush/row-order.ts';
import { DAY_MICROS, MAX_VOLUME, MIN_TIME_MICROS, type Tick } from '../../src/market/tick.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { suite } from '../support/suite.ts';
import { columnsOf, ticksOf } from './tick-frames.ts';

const test = suite('copy encoder', { timeoutMs: 60_000 });
const NOTHING: ReadonlySet<number> = new Set();
const LAST_MICROS = 4_102_444_800_000_000;
const encoder = new CopyEncoder();
let client: Client;

test.before(async () => {
  client = await connectPostgres(loadConfig(process.env));
  await client.query(
    `CREATE TEMPORARY TABLE copied (time timestamptz NOT NULL, symbol text COLLATE "C" NOT NULL, price double precision NOT NULL, volume bigint NOT NULL)`,
  );
});
test.after(() => client.end());

/** Copies bytes into the table and reads back what PostgreSQL made of them, in the order of writing. */
async function copied(bytes: Buffer): Promise<Tick[]> {
  await client.query('TRUNCATE copied');
  await pipeline(
    [Buffer.from(bytes)],
    client.query(copyFrom('COPY copied (time, symbol, price, volume) FROM STDIN (FORMAT binary)')),
  );
  const { rows } = await client.query<Record<'symbol' | 'price' | 'volume' | 'micros', string>>(
    `SELECT symbol, price::text AS price, volume::text AS volume, (extract(epoch FROM time) * 1000000)::bigint::text AS micros FROM copied ORDER BY ctid`,
  );
  return rows.map(({ symbol, price, volume, micros }) => ({
    symbol,
    price: Number(price),
    volume: Number(volume),
    timeMicros: Number(micros),
  }));
}

/** Rows as they are to be written: by symbol in the order of its bytes, as they came within it. */
function inOrder(ticks: readonly Tick[]): Tick[] {
  const names = [...new Set(ticks.map((tick) => tick.symbol))].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  return names.flatMap((name) => ticks.filter((tick) => tick.symbol === name));
}

const anyTick: fc.Arbitrary<Tick> = fc.record(
  {
    symbol: fc.oneof(
      fc.constantFrom('COMI', 'A', 'B', 'a', '~', '-', 'A+', 'X'.repeat(32)),
      fc.stringMatching(/^[A-Za-z0-9._:~=^+/-]{1,32}$/),
    ),
    price: fc.oneof(
      fc.double({ min: Number.MIN_VALUE, max: 1e12, maxExcluded: true, noNaN: true }),
      fc.constantFrom(0.1, 45.55, Number.MIN_VALUE, 2.2250738585072014e-308, 999_999_999_999.9999, 1 / 3),
    ),
    volume: fc.oneof(
      fc.nat(2 ** 31 - 1),
      fc.maxSafeNat().map((value) => value % (MAX_VOLUME + 1)),
      fc.constantFrom(0, 255, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, MAX_VOLUME),
    ),
    timeMicros: fc.oneof(
      fc.integer({ min: MIN_TIME_MICROS, max: LAST_MICROS }),
      fc.constantFrom(
        MIN_TIME_MICROS,
        MIN_TIME_MICROS + 1,
        MIN_TIME_MICROS + 2 ** 32 - 1,
        MIN_TIME_MICROS + 2 ** 32,
        LAST_MICROS,
      ),
    ),
  },
  { noNullPrototype: true },
);

test('PostgreSQL reads the same ticks, to the last bit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyTick, { maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 8 }),
      async (ticks, left) => {
        const columns = columnsOf(ticks);
        const without = new Set(left.filter((row) => row < ticks.length));
        const bytes = encoder.encode(columns, without);
        const kept = ticks.filter((_, row) => !without.has(row));
        assert.equal(await copied(bytes), inOrder(kept));
      },
    ),
    { numRuns: 300 },
  );
});

test('no row at all, and a hundred thousand', async () => {
  assert.equal(await copied(encoder.encode(columnsOf([]), NOTHING)), []);
  const many = Array.from({ length: 100_000 }, (_, at) => ({
    symbol: `S${(at * 7) % 251}`,
    price: 1 + at / 100,
    volume: at,
    timeMicros: MIN_TIME_MICROS + at * DAY_MICROS * 0.001,
  }));
  const columns = columnsOf(many);
  const read = await copied(encoder.encode(columns, NOTHING));
  assert.is(read.length, many.length);
  const sum = (ticks: readonly Tick[]): number => ticks.reduce((total, tick) => total + tick.volume, 0);
  assert.is(sum(read), sum(many));
  assert.equal(read.slice(0, 1_000), inOrder(many).slice(0, 1_000));
});

test('a batch after a larger one does not show the larger one', async () => {
  const tick = (symbol: string): Tick => ({ symbol, price: 1.5, volume: 2, timeMicros: MIN_TIME_MICROS });
  const large = columnsOf(Array.from({ length: 500 }, () => tick('LARGE')));
  encoder.encode(large, NOTHING);
  const small = columnsOf([tick('S')]);
  assert.equal(await copied(encoder.encode(small, NOTHING)), [tick('S')]);
});

test('rows are ordered by symbol and stable within it', () => {
  fc.assert(
    fc.property(fc.array(anyTick, { maxLength: 80 }), (ticks) => {
      const columns = columnsOf(ticks);
      const { rows, symbols, starts } = orderRows(columns);
      assert.equal(
        [...rows].sort((a, b) => a - b),
        ticks.map((_, row) => row),
      );
      assert.is(starts.length, symbols.length + 1);
      assert.is(starts[symbols.length], ticks.length);
      symbols.forEach((symbol, index) => {
        const own = [...rows.subarray(starts[index], starts[index + 1])];
        assert.ok(own.length > 0);
        assert.ok(own.every((row) => columns.symbol[row] === symbol));
        assert.equal(
          own,
          own.toSorted((a, b) => a - b),
          'as they arrived',
        );
      });
      const read = ticksOf(columns);
      assert.equal(
        [...rows].map((row) => read[row]),
        inOrder(ticks),
      );
    }),
    { numRuns: 500 },
  );
});

test('PostgreSQL names the line that it refuses', async () => {
  await client.query('BEGIN');
  try {
    await client.query('ALTER TABLE copied ADD CHECK (volume <> 13)');
    const ticks = ['C', 'A', 'B', 'A'].map((symbol, at) => ({
      symbol,
      price: 1,
      volume: at === 2 ? 13 : at,
      timeMicros: MIN_TIME_MICROS,
    }));
    const columns = columnsOf(ticks);
    const order = orderRows(columns);
    const failure: unknown = await copied(encoder.encode(columns, NOTHING)).catch((error: unknown) => error);
    const where = failure instanceof Error && 'where' in failure ? String(failure.where) : '';
    const line = Number(/line (\d+)/.exec(where)?.[1]);
    assert.is(rowOfLine(order, NOTHING, line), 2, where);
  } finally {
    await client.query('ROLLBACK');
  }
});
