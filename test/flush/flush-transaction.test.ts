import type { Client } from 'pg';
import * as assert from 'uvu/assert';
import { BatchEncoder } from '../../src/flush/batch-encoder.ts';
import type { Watermark } from '../../src/flush/chain-filter.ts';
import { planBatch } from '../../src/flush/batch-planner.ts';
import {
  type EncodedBatch,
  type FlushStore,
  NotCommittedError,
  runFlushTransaction,
} from '../../src/flush/flush-transaction.ts';
import { TickColumns } from '../../src/market/tick-columns.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { upsertBars } from '../../src/store/upsert-bars.ts';
import { suite } from '../support/suite.ts';
import { type FreshDatabase, openFreshDatabase } from '../store/fresh-database.ts';
import { entryOf, frameOf, skipFrame } from './tick-frames.ts';

/** Each guard of a flush by itself, on a real PostgreSQL: a refusal leaves nothing behind. */
const test = suite('flush transaction', { timeoutMs: 30_000 });
const LOCK_KEY = [7_001, 7_002] as const;
const START = 1_764_576_000_000_000;
let database: FreshDatabase;
let other: Client;
let prefix = '';

test.before(async () => {
  database = await openFreshDatabase();
  other = await connectPostgres(database.config);
  prefix = database.config.ticksPrefix;
});
test.after(async () => {
  await other.end();
  await database.close();
});
test.before.each(async () => {
  await database.client.query(
    `TRUNCATE ${prefix}_ticks, ${prefix}_bars_1m, ${prefix}_feed_watermarks, ${prefix}_ticks_rejected, ${prefix}_feed_gaps`,
  );
  await database.client.query(`INSERT INTO ${prefix}_feed_watermarks VALUES ('f', 5, 'G', 'A'), ('g', 0, 'H', '')`);
});

const ASSUMED = new Map<string, Watermark>([
  ['f', { seq: 5, generation: 'G' }],
  ['g', { seq: 0, generation: 'H' }],
]);

/** Frames 6 and 7 of `f`, a gap and a tick that is rejected; frame 1 of `g`. */
function encoded(): EncodedBatch {
  const tick = { symbol: 'COMI', price: 45.5, volume: 100, timeMicros: START };
  const entries = [
    entryOf('1-0', [frameOf(5, 6, [tick, tick], [1]), skipFrame(6, 7)], { writer: 'B' }),
    entryOf('2-0', [frameOf(0, 1, [tick])], { feed: 'g', generation: 'H', writer: 'C' }),
  ];
  const batch = planBatch(entries, ASSUMED, { maxTicks: 100, maxDays: 10 }, new TickColumns());
  return new BatchEncoder().encode(batch, new Map());
}

/** @param meanwhile runs inside the transaction, after the ticks are copied and before the watermarks move */
const store = (meanwhile: (client: Client) => Promise<unknown> = () => Promise.resolve()): FlushStore => ({
  prefix,
  lockKey: LOCK_KEY,
  settingsFor: () => '',
  copyTarget: () => Promise.resolve(`${prefix}_ticks`),
  upsertBars: async (client, bars) => {
    await meanwhile(client);
    return upsertBars(client, prefix, bars);
  },
});

/** Everything a flush writes, on one line. */
async function stored(): Promise<string> {
  const { rows } = await other.query<{ line: string }>(`
    SELECT concat_ws(' ',
      (SELECT count(*) FROM ${prefix}_ticks), (SELECT coalesce(sum(trades), 0) FROM ${prefix}_bars_1m),
      (SELECT count(*) FROM ${prefix}_ticks_rejected), (SELECT count(*) FROM ${prefix}_feed_gaps),
      (SELECT string_agg(feed || ':' || seq || ':' || generation || ':' || writer, ' ' ORDER BY feed) FROM ${prefix}_feed_watermarks)
    ) AS line`);
  return rows[0]?.line ?? '';
}

const NOTHING = '0 0 0 0 f:5:G:A g:0:H:';
const ALL = '3 3 1 1 f:7:G:B g:1:H:C';

test('commits ticks, bars, rejected ticks, gaps and watermarks as one', async () => {
  const result = await runFlushTransaction(database.client, store(), encoded());
  assert.is(result.outcome, 'committed');
  if (result.outcome === 'committed')
    assert.equal(
      [...result.reached],
      [
        ['f', 7],
        ['g', 1],
      ],
    );
  assert.is(await stored(), ALL);
  const { rows } = await other.query(`SELECT feed, seq, idx, reason FROM ${prefix}_ticks_rejected`);
  assert.equal(rows, [{ feed: 'f', seq: '6', idx: 1, reason: 'price_invalid' }]);
  const gaps = await other.query(`SELECT feed, after_seq, next_seq FROM ${prefix}_feed_gaps`);
  assert.equal(gaps.rows, [{ feed: 'f', after_seq: '6', next_seq: '7' }]);
});

test('the same batch a second time is stale', async () => {
  await runFlushTransaction(database.client, store(), encoded());
  assert.is((await runFlushTransaction(database.client, store(), encoded())).outcome, 'stale');
  assert.is(await stored(), ALL);
});

test('the lock: while another flush is in its transaction nothing is tried', async () => {
  await other.query('BEGIN');
  await other.query('SELECT pg_advisory_xact_lock($1, $2)', [...LOCK_KEY]);
  assert.is((await runFlushTransaction(database.client, store(), encoded())).outcome, 'no-lock');
  await other.query('ROLLBACK');
  assert.is(await stored(), NOTHING);
  assert.is((await runFlushTransaction(database.client, store(), encoded())).outcome, 'committed');
});

test('the lock is left with the transaction, however it ends', async () => {
  await runFlushTransaction(
    database.client,
    store(() => Promise.reject(new Error('no'))),
    encoded(),
  ).catch(() => undefined);
  assert.is(await stored(), NOTHING);
  await other.query('BEGIN');
  const { rows } = await other.query('SELECT pg_try_advisory_xact_lock($1, $2) AS locked', [...LOCK_KEY]);
  await other.query('ROLLBACK');
  assert.equal(rows, [{ locked: true }]);
});

const CHANGES: ReadonlyArray<readonly [what: string, sql: string]> = [
  ['moved on', `SET seq = 6`],
  ['moved back', `SET seq = 4`],
  ['was given another generation', `SET generation = 'another'`],
];

for (const [what, change] of CHANGES) {
  test(`rows are read again under the lock: one that ${what} makes the batch stale`, async () => {
    await other.query(`UPDATE ${prefix}_feed_watermarks ${change} WHERE feed = 'f'`);
    const before = await stored();
    assert.is((await runFlushTransaction(database.client, store(), encoded())).outcome, 'stale');
    assert.is(await stored(), before);
  });

  test(`the compare-and-set: a row that ${what} after it was read rolls everything back`, async () => {
    const meddling = store((client) => client.query(`UPDATE ${prefix}_feed_watermarks ${change} WHERE feed = 'f'`));
    const failure: unknown = await runFlushTransaction(database.client, meddling, encoded()).catch(
      (error: unknown) => error,
    );
    assert.instance(failure, NotCommittedError);
    assert.is(await stored(), NOTHING);
  });
}

test('a row that is gone: stale before, rolled back after', async () => {
  const meddling = store((client) => client.query(`DELETE FROM ${prefix}_feed_watermarks WHERE feed = 'g'`));
  const failure: unknown = await runFlushTransaction(database.client, meddling, encoded()).catch(
    (error: unknown) => error,
  );
  assert.instance(failure, NotCommittedError);
  assert.is(await stored(), NOTHING);
  await other.query(`DELETE FROM ${prefix}_feed_watermarks WHERE feed = 'g'`);
  assert.is((await runFlushTransaction(database.client, store(), encoded())).outcome, 'stale');
});

test('row locks: a renewal waits for the flush, and then finds what it stored', async () => {
  let renewal: Promise<{ rows: ReadonlyArray<{ seq: string }> }> | undefined;
  const renew = `UPDATE ${prefix}_feed_watermarks SET generation = 'new' WHERE feed = 'f' RETURNING seq`;
  const meddling = store(async () => {
    await other.query(`SET lock_timeout = '100ms'`);
    const refused: unknown = await other.query(renew).catch((error: unknown) => error);
    assert.is(refused instanceof Error && 'code' in refused ? refused.code : undefined, '55P03');
    await other.query(`SET lock_timeout = '10s'`);
    renewal = other.query<{ seq: string }>(renew);
  });
  assert.is((await runFlushTransaction(database.client, meddling, encoded())).outcome, 'committed');
  assert.equal((await renewal)?.rows, [{ seq: '7' }]);
  assert.is(await stored(), ALL.replace(':G:', ':new:'));
});

test('of several flushes of one batch at once exactly one is stored', async () => {
  const clients = await Promise.all([1, 2, 3, 4].map(() => connectPostgres(database.config)));
  try {
    const results = await Promise.all(clients.map((client) => runFlushTransaction(client, store(), encoded())));
    const outcomes = results.map((result) => result.outcome).filter((outcome) => outcome === 'committed');
    assert.equal(outcomes, ['committed']);
    assert.is(await stored(), ALL);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});
