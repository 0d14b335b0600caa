import * as assert from 'uvu/assert';
import { DAY_MICROS } from '../../src/market/tick.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { TickChunks } from '../../src/store/tick-chunks.ts';
import { readStoreVersions } from '../../src/store/timescale-edition.ts';
import { suite, type TestContext } from '../support/suite.ts';
import { insertTicks } from './batches.ts';
import { type FreshDatabase, openFreshDatabase } from './fresh-database.ts';

/** Only what a copy into the hypertable would do no other way goes into a chunk directly. */
const test = suite('chunks of the ticks', { timeoutMs: 30_000 });
const DAY = 1_764_547_200_000_000;
const NOON = DAY + DAY_MICROS / 2;
const CHUNK = /^_timescaledb_internal\._hyper_\d+_\d+_chunk$/;
let database: FreshDatabase;
let prefix = '';
let hypertable = '';
let isApache = false;

test.before(async () => {
  database = await openFreshDatabase();
  prefix = database.config.ticksPrefix;
  hypertable = `${prefix}_ticks`;
  isApache = (await readStoreVersions(database.client)).edition === 'apache';
});
test.after(() => database.close());
test.before.each(async () => {
  await database.client.query(`TRUNCATE ${hypertable}`);
  await insertTicks(database.client, prefix, [{ symbol: 'COMI', price: 1, volume: 1, timeMicros: NOON }]);
});

/** On the Community edition nothing but the last test's rule holds: always the hypertable. */
function needsApache(run: TestContext): void {
  if (!isApache) run.skip('the Community edition copies into the hypertable');
}

const tableFor = (fromMicros: number, toMicros = fromMicros): Promise<string> =>
  new TickChunks(prefix).tableFor(database.client, fromMicros, toMicros);

test('ticks of one day go into its chunk, to the microsecond', async (run) => {
  needsApache(run);
  const chunk = await tableFor(NOON);
  assert.match(chunk, CHUNK);
  assert.is(await tableFor(DAY, DAY + DAY_MICROS - 1), chunk);
  assert.is(await tableFor(DAY - 1), hypertable);
  assert.is(await tableFor(DAY + DAY_MICROS), hypertable);
});

test('ticks of two days, or of a day without a chunk, go into the hypertable, which makes one', async (run) => {
  needsApache(run);
  assert.is(await tableFor(NOON, NOON + DAY_MICROS), hypertable);
  const chunks = new TickChunks(prefix);
  assert.is(await chunks.tableFor(database.client, NOON + DAY_MICROS, NOON + DAY_MICROS), hypertable);
  await insertTicks(database.client, prefix, [{ symbol: 'COMI', price: 1, volume: 1, timeMicros: NOON + DAY_MICROS }]);
  assert.match(await chunks.tableFor(database.client, NOON + DAY_MICROS, NOON + DAY_MICROS), CHUNK);
});

test('after a refusal the hypertable has the word, and later a chunk is tried again', async (run) => {
  needsApache(run);
  const chunks = new TickChunks(prefix);
  const table = (): Promise<string> => chunks.tableFor(database.client, NOON, NOON);
  assert.match(await table(), CHUNK);
  assert.is(chunks.fallBackToHypertable(), true);
  assert.is(await table(), hypertable);
  assert.is(chunks.fallBackToHypertable(), false);
  for (let copies = 0; copies < 1_000; copies++) assert.is(await table(), hypertable);
  assert.match(await table(), CHUNK);
});

const MORE_THAN_A_TABLE: ReadonlyArray<readonly [what: string, set: string, unset: string]> = [
  [
    'a trigger of the statement',
    `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER told AFTER INSERT ON {ticks} FOR EACH STATEMENT EXECUTE FUNCTION nothing()`,
    'DROP TRIGGER told ON {ticks}',
  ],
  ['row security', 'ALTER TABLE {ticks} ENABLE ROW LEVEL SECURITY', 'ALTER TABLE {ticks} DISABLE ROW LEVEL SECURITY'],
];
for (const [what, set, unset] of MORE_THAN_A_TABLE) {
  test(`${what} on the hypertable is not passed by`, async (run) => {
    needsApache(run);
    await database.client.query(set.replaceAll('{ticks}', hypertable));
    assert.is(await tableFor(NOON), hypertable);
    await database.client.query(unset.replaceAll('{ticks}', hypertable));
    assert.match(await tableFor(NOON), CHUNK);
  });
}

test('a user with rights on the hypertable alone', async (run) => {
  needsApache(run);
  const chunk = await tableFor(NOON);
  const { client } = database;
  const user = `writer_${Date.now()}`;
  await client.query(
    `CREATE ROLE ${user}; GRANT INSERT ON ${hypertable} TO ${user}; REVOKE ALL ON ${chunk} FROM ${user}`,
  );
  const other = await connectPostgres(database.config);
  try {
    await other.query(`SET ROLE ${user}`);
    assert.is(await new TickChunks(prefix).tableFor(other, NOON, NOON), hypertable);
    await client.query(`GRANT INSERT ON ${chunk} TO ${user}`);
    assert.is(await new TickChunks(prefix).tableFor(other, NOON, NOON), chunk);
  } finally {
    await other.end();
    await client.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  }
});

test('a table that is cut by symbol too', async () => {
  await database.client.query(`TRUNCATE ${hypertable}`);
  await database.client.query(`SELECT add_dimension('${hypertable}', 'symbol', number_partitions => 2)`);
  await insertTicks(database.client, prefix, [{ symbol: 'COMI', price: 1, volume: 1, timeMicros: NOON }]);
  assert.is(await tableFor(NOON), hypertable);
});
