import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { rebuildBars } from '../../src/store/rebuild-bars.ts';
import { dropOldChunks } from '../../src/store/retention.ts';
import { suite } from '../support/suite.ts';
import { storeBatch, insertTicks, tiedTape, type TestTick } from './batches.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { rejectionOf } from './rejection.ts';

const test = suite('rebuild-bars');
/** 2025-12-01T21:00:00Z, 23:00 in Cairo: 120 minutes span two days there, 240 two in UTC. */
const START = 1_764_622_800_000_000;
const MINUTES = 240;
let database: FreshDatabase;
let tape: readonly TestTick[];
let original: readonly unknown[];

async function readBars(): Promise<readonly unknown[]> {
  const { rows } = await database.client.query(`SELECT b::text AS bar FROM egx_bars_1m AS b ORDER BY symbol, time`);
  return rows;
}

test.before(async () => {
  database = await openFreshDatabase();
  tape = tiedTape(['COMI', 'ETEL', 'SWDY'], START, MINUTES);
  for (let i = 0; i < tape.length; i += 50) await storeBatch(database.client, 'egx', tape.slice(i, i + 50));
  original = await readBars();
});
test.after(() => database.close());

test('changes nothing where the bars are right, and keeps every ambiguous one', async () => {
  const report = await rebuildBars(database.client, database.config);
  assert.is(report.minutes, original.length);
  assert.is(report.changed, 0);
  assert.ok(report.ambiguous > MINUTES / 2, `the tape should have many ties, and has ${report.ambiguous}`);
  assert.is(report.kept, report.ambiguous);
  assert.equal(await readBars(), original);
});

test('mends wrong bars, also their open and close where the times say which', async () => {
  await database.client.query(
    `UPDATE egx_bars_1m SET high = 1e6, low = 0, volume = volume + 1, trades = 0, turnover = 0 WHERE symbol = 'COMI'`,
  );
  const report = await rebuildBars(database.client, database.config);
  assert.ok(report.changed > 0);
  assert.equal(await readBars(), original);
});

test('keeps a stored open and close that are among the tied ticks, and no others', async () => {
  const at = START + 10 * 86_400_000_000;
  const tick = (offset: number, price: number): TestTick => ({
    symbol: 'TIED',
    timeMicros: at + offset,
    price,
    volume: 1,
  });
  await insertTicks(database.client, 'egx', [tick(1, 10), tick(1, 11), tick(1, 12), tick(9, 20), tick(9, 21)]);
  const rebuilt = async (): Promise<unknown> => {
    await rebuildBars(database.client, database.config, { from: '2025-12-11', to: '2025-12-12' });
    const { rows } = await database.client.query(`SELECT open, close FROM egx_bars_1m WHERE symbol = 'TIED'`);
    return rows;
  };
  assert.equal(await rebuilt(), [{ open: 10, close: 21 }], 'without a bar: the order in which the rows lie');
  await database.client.query(`UPDATE egx_bars_1m SET open = 11, close = 20 WHERE symbol = 'TIED'`);
  assert.equal(await rebuilt(), [{ open: 11, close: 20 }], 'possible by the ticks: kept');
  await database.client.query(`UPDATE egx_bars_1m SET open = 99, close = 98 WHERE symbol = 'TIED'`);
  assert.equal(await rebuilt(), [{ open: 10, close: 21 }], 'impossible by the ticks: mended');
  await database.client.query(`DELETE FROM egx_ticks WHERE symbol = 'TIED'`);
  await database.client.query(`DELETE FROM egx_bars_1m WHERE symbol = 'TIED'`);
});

test('makes all bars again from the ticks alone', async () => {
  await database.client.query('DELETE FROM egx_bars_1m');
  const report = await rebuildBars(database.client, database.config);
  assert.is(report.changed, original.length);
  assert.is(report.kept, 0);
  assert.equal(await readBars(), original);
});

test('bounds: a day is a day in Cairo, a time cuts to whole minutes', async () => {
  const minutesOf = async (from?: string, to?: string): Promise<number> =>
    (await rebuildBars(database.client, database.config, { from, to })).minutes;
  const between = (fromMinute: number, toMinute: number): number => {
    const keys = tape
      .map((tick) => ({ symbol: tick.symbol, minute: Math.floor((tick.timeMicros - START) / 60_000_000) }))
      .filter(({ minute }) => minute >= fromMinute && minute < toMinute)
      .map(({ symbol, minute }) => `${symbol} ${minute}`);
    return new Set(keys).size;
  };
  assert.is(await minutesOf('2025-12-01', '2025-12-01'), between(0, 60));
  assert.is(await minutesOf('2025-12-02', '2025-12-02'), between(60, MINUTES));
  assert.is(await minutesOf('2025-12-02'), between(60, MINUTES));
  assert.is(await minutesOf(undefined, '2025-12-01'), between(0, 60));
  assert.is(await minutesOf('2025-12-01T23:00:30Z', '2025-12-02T00:09:30Z'), between(120, 190));
  assert.is(await minutesOf('2025-12-01T23:00:00+02:00', '2025-12-01 21:05Z'), between(0, 5));
  assert.is(await minutesOf('2030-01-01'), 0);
});

for (const bound of [
  'yesterday',
  '2025-13-01',
  '2025-12-01T10:00',
  '01.12.2025',
  '2025-02-30',
  '2025-02-30T10:00Z',
  '2025-12-01T25:00Z',
  '',
  "2025-12-01'; DROP TABLE egx_ticks",
]) {
  test(`refuses the bound ${JSON.stringify(bound)}`, async () => {
    const error = await rejectionOf(rebuildBars(database.client, database.config, { from: bound }));
    assert.instance(error, UsageError);
    assert.match(error.message, /--from/);
  });
}

test('waits for the flush that is writing, and sees what it wrote', async () => {
  const flush = await connectPostgres(database.config);
  const other = await connectPostgres(database.config);
  const tick: TestTick = { symbol: 'COMI', timeMicros: START, price: 9_999, volume: 1 };
  try {
    await flush.query('BEGIN');
    await insertTicks(flush, 'egx', [tick]);
    const before = await readBars();
    const rebuild = rebuildBars(other, database.config, { to: '2025-12-01' });
    const waiting = `SELECT count(*)::int AS n FROM pg_locks
      WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    while ((await database.client.query<{ n: number }>(waiting)).rows[0]?.n === 0);
    assert.equal(await readBars(), before);
    await flush.query('COMMIT');
    assert.is((await rebuild).changed, 1);
    const { rows } = await database.client.query(`SELECT symbol, high FROM egx_bars_1m WHERE high = 9999`);
    assert.equal(rows, [{ symbol: 'COMI', high: 9_999 }]);
  } finally {
    await flush.end();
    await other.end();
  }
});

test('bars without ticks stay, unless asked', async () => {
  const before = (await readBars()).length;
  await database.client.query(`DELETE FROM egx_ticks WHERE symbol = 'SWDY'`);
  await rebuildBars(database.client, database.config);
  assert.is((await readBars()).length, before);
  const report = await rebuildBars(database.client, database.config, { deleteEmpty: true });
  const left = await database.client.query(`SELECT FROM egx_bars_1m WHERE symbol = 'SWDY'`);
  assert.is(left.rowCount, 0);
  assert.is((await readBars()).length, before - report.deleted);
});

test('retention drops whole old chunks and leaves the bars; bars of dropped days survive a rebuild', async () => {
  const bars = (await readBars()).length;
  const nowMs = Date.parse('2025-12-09T00:00:01Z');
  assert.equal(await dropOldChunks(database.client, database.configWith({}), nowMs), []);
  const config = database.configWith({ RETENTION_DAYS: '7' });
  assert.is((await dropOldChunks(database.client, config, nowMs - 2_000)).length, 0);
  assert.is((await dropOldChunks(database.client, config, nowMs)).length, 1);
  const first = await database.client.query(`SELECT FROM egx_ticks WHERE time < '2025-12-02 00:00Z'`);
  assert.is(first.rowCount, 0);
  const second = await database.client.query(`SELECT FROM egx_ticks WHERE time >= '2025-12-02 00:00Z'`);
  assert.ok((second.rowCount ?? 0) > 0);
  await rebuildBars(database.client, database.config, { deleteEmpty: true });
  assert.is((await readBars()).length, bars);
});
