import * as assert from 'uvu/assert';
import { writeBatch } from '../../src/flush/batch-writer.ts';
import type { Watermark } from '../../src/flush/chain-filter.ts';
import { BatchEncoder } from '../../src/flush/batch-encoder.ts';
import { planBatch } from '../../src/flush/batch-planner.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { classifySqlState, sqlStateOf } from '../../src/store/sql-state.ts';
import { readStoreVersions } from '../../src/store/timescale-edition.ts';
import { TickChunks } from '../../src/store/tick-chunks.ts';
import { upsertBars } from '../../src/store/upsert-bars.ts';
import { suite } from '../support/suite.ts';
import { type FreshDatabase, openFreshDatabase } from '../store/fresh-database.ts';
import { entryOf, frameOf } from './tick-frames.ts';

/** The short cut into a chunk is never seen in what is stored: where the chunk refuses, the hypertable has the word. */
const test = suite('writing a batch', { timeoutMs: 30_000 });
const START = 1_764_576_000_000_000;
let database: FreshDatabase;
let prefix = '';
let targets: string[] = [];
let chunks: TickChunks;
let position = 0;

test.before(async () => {
  database = await openFreshDatabase();
  prefix = database.config.ticksPrefix;
  await database.client.query(`INSERT INTO ${prefix}_feed_watermarks VALUES ('f', 0, 'G', 'A')`);
});
test.after(() => database.close());
test.before.each(() => {
  targets = [];
  chunks = new TickChunks(prefix);
});

/** Writes three ticks as the feed's next frame. */
async function write(prices: readonly number[] = [1, 2, 3], meanwhile?: (target: string) => Promise<unknown>) {
  const rows = new Map<string, Watermark>([['f', { seq: position, generation: 'G' }]]);
  const ticks = prices.map((price) => ({ symbol: 'COMI', price, volume: 1, timeMicros: START }));
  const entries = [entryOf('1-0', [frameOf(position, position + 1, ticks)])];
  const batch = planBatch(entries, rows, { maxTicks: 100, maxDays: 10 }, new TickColumns());
  const encoder = new BatchEncoder();
  const { result, written } = await writeBatch(database.client, encoder.encode(batch, new Map()), {
    encoder,
    store: {
      prefix,
      lockKey: [7_003, 7_004],
      settingsFor: () => '',
      copyTarget: async (client, { columns }) => {
        const { fromMicros, toMicros } = columns.timeRange();
        const target = await chunks.tableFor(client, fromMicros, toMicros);
        targets.push(target.includes('_hyper_') ? 'chunk' : 'hypertable');
        await meanwhile?.(target);
        return target;
      },
      fallBackToHypertable: () => chunks.fallBackToHypertable(),
      upsertBars: (client, bars) => upsertBars(client, prefix, bars),
      classify: classifySqlState,
      describeRefusal: (error) => sqlStateOf(error) ?? '',
    },
  });
  assert.is(result.outcome, 'committed');
  position += 1;
  return written;
}

/** Where the copies went; the Community edition takes no short cut. */
async function assertTargets(expected: readonly string[]): Promise<void> {
  const { edition } = await readStoreVersions(database.client);
  assert.equal(targets, edition === 'apache' ? expected : expected.filter((each) => each === 'hypertable'));
}

const stored = async (): Promise<number> =>
  Number((await database.client.query(`SELECT count(*) AS n FROM ${prefix}_ticks`)).rows[0]?.n);

test('the first batch of a day makes its chunk, the next goes into it', async () => {
  await write();
  await write();
  await assertTargets(['hypertable', 'chunk']);
  assert.is(await stored(), 6);
});

test('a tick that a CHECK refuses is rejected, the others are stored', async () => {
  await database.client.query(`ALTER TABLE ${prefix}_ticks ADD CONSTRAINT cheap CHECK (price < 100)`);
  const written = await write([1, 500, 3]);
  await database.client.query(`ALTER TABLE ${prefix}_ticks DROP CONSTRAINT cheap`);
  await assertTargets(['chunk', 'hypertable', 'hypertable']);
  assert.equal(
    written.rejected.map(({ index, reason }) => [index, reason]),
    [[1, 'refused_by_database: 23514']],
  );
  assert.is(await stored(), 8);
});

test('a chunk that is dropped before the copy begins is made anew by the hypertable', async () => {
  await write();
  await database.client.query(`TRUNCATE ${prefix}_ticks`);
  const written = await write();
  await assertTargets(['chunk', 'chunk', 'hypertable']);
  assert.equal([written.rows, written.rejected.length, await stored()], [3, 0, 3]);
});

test('ticks that lie outside of what was taken for their chunk are stored where they belong', async () => {
  await write();
  const day = new Date((START + 86_400_000_000) / 1_000).toISOString();
  await database.client.query(`INSERT INTO ${prefix}_ticks VALUES ('${day}', 'COMI', 1, 1)`);
  const { rows } = await database.client.query<{ chunk: string }>(
    `SELECT tableoid::regclass::text AS chunk FROM ${prefix}_ticks ORDER BY time DESC LIMIT 1`,
  );
  chunks.tableFor = () => Promise.resolve(targets.length < 2 ? (rows[0]?.chunk ?? '') : `${prefix}_ticks`);
  const before = await stored();
  const written = await write();
  await assertTargets(['chunk', 'chunk', 'hypertable']);
  assert.equal([written.rejected.length, await stored()], [0, before + 3]);
});
