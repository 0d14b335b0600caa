import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { SYMBOLS_A_FEED } from './feed-content.ts';
import type { OwnFault, ServiceFault } from './fault.ts';
import { copyData, restoreDatabase } from './server-copies.ts';
import { sql, type Stage, until, withDatabase } from './stage.ts';

const END_ALL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tickgate%'`;
const SETTLE_MS = 200;

async function rejectedOf(stage: Stage): Promise<number> {
  const rows = await sql<{ n: string }>(
    stage,
    `SELECT count(*) AS n FROM ${stage.prefix}_ticks_rejected WHERE reason LIKE 'refused_by_database%'`,
  );
  return Number(rows[0]?.n ?? 0);
}

/** Changes a default of the database for new sessions, ends the present ones, and takes it back the same way. */
async function withDefault(stage: Stage, setting: string, value: string, work: () => Promise<void>): Promise<void> {
  const name = String(stage.database.database);
  await sql(stage, `ALTER DATABASE ${name} SET ${setting} = ${value}`);
  await sql(stage, END_ALL);
  try {
    await work();
  } finally {
    await withDatabase(stage, async (client) => {
      await client.query('SET default_transaction_read_only = off');
      await client.query(`ALTER DATABASE ${name} RESET ${setting}`);
    });
    await sql(stage, END_ALL);
  }
}

/** What other users of the database do; for these a connection to it is all that is needed. */
export const DATABASE_FAULTS: readonly ServiceFault[] = [
  {
    name: 'sessions are ended in a loop',
    where: 'PostgreSQL, pg_terminate_backend',
    hurts: ['postgres'],
    weight: 2,
    needs: 'services',
    inject: async (stage, { holdMs }) => {
      for (const untilMs = Date.now() + holdMs * 2; Date.now() < untilMs; await sleep(100)) await sql(stage, END_ALL);
    },
  },
  {
    name: 'statements are cancelled in a loop',
    where: 'PostgreSQL, pg_cancel_backend',
    hurts: ['postgres'],
    needs: 'services',
    inject: async (stage, { holdMs }) => {
      const cancel = END_ALL.replace('pg_terminate_backend', 'pg_cancel_backend');
      for (const untilMs = Date.now() + holdMs; Date.now() < untilMs; await sleep(20)) await sql(stage, cancel);
    },
  },
  {
    name: 'the table of ticks is locked exclusively',
    where: 'PostgreSQL, LOCK TABLE',
    checked: 'sessions do not pile up',
    hurts: ['postgres'],
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withDatabase(stage, async (client) => {
        await client.query(`BEGIN; LOCK TABLE ${stage.prefix}_ticks IN ACCESS EXCLUSIVE MODE`);
        await sleep(holdMs * 3);
        const { rows } = await client.query<{ n: string }>(
          `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'tickgate%'`,
        );
        await client.query('ROLLBACK');
        assert.ok(Number(rows[0]?.n) < 40);
      }),
  },
  {
    name: 'watermarks are locked by a stranger',
    where: 'PostgreSQL, SELECT FOR UPDATE',
    hurts: ['postgres', 'feed-link'],
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withDatabase(stage, async (client) => {
        await client.query(`BEGIN; SELECT * FROM ${stage.prefix}_feed_watermarks FOR UPDATE`);
        stage.feedLink.reset();
        await sleep(holdMs * 2);
        await client.query('ROLLBACK');
      }),
  },
  {
    name: 'the database is read-only for a while',
    where: 'PostgreSQL, default_transaction_read_only',
    hurts: ['postgres'],
    needs: 'services',
    inject: async (stage, { holdMs }) => {
      const before = await rejectedOf(stage);
      await withDefault(stage, 'default_transaction_read_only', 'on', () => sleep(holdMs * 2));
      assert.is(await rejectedOf(stage), before);
    },
  },
  {
    name: 'a CHECK of a user refuses one tick',
    where: 'PostgreSQL, constraint',
    checked: 'that one is among the rejected, with its reason; the others are stored',
    hurts: ['postgres'],
    needs: 'services',
    inject: async (stage) => {
      const feed = stage.fleet.feeds[0] ?? '';
      const seq = stage.fleet.progress(feed).last + 30;
      const index = 5;
      await sql(
        stage,
        `ALTER TABLE ${stage.prefix}_ticks ADD CONSTRAINT of_a_user CHECK (NOT (symbol = '${feed}=${(seq + index) % SYMBOLS_A_FEED}' AND volume = ${seq * 10_000 + index})) NOT VALID`,
      );
      await stage.fleet.whenCommitted(new Map([[feed, seq]]), 30_000);
      await sql(stage, `ALTER TABLE ${stage.prefix}_ticks DROP CONSTRAINT of_a_user`);
      const rows = await sql<{ idx: number; reason: string }>(
        stage,
        `SELECT idx, reason FROM ${stage.prefix}_ticks_rejected WHERE feed = $1 AND seq = $2 AND idx = $3`,
        [feed, seq, index],
      );
      assert.is(rows.length, 1);
      assert.match(rows[0]?.reason ?? '', /^refused_by_database: 23514/);
    },
  },
  {
    name: 'a CHECK of a user refuses everything',
    where: 'PostgreSQL, constraint',
    checked: 'flushing stops, and nothing is rejected',
    hurts: ['postgres'],
    needs: 'services',
    inject: async (stage, { holdMs }) => {
      const before = await rejectedOf(stage);
      await sql(stage, `ALTER TABLE ${stage.prefix}_ticks ADD CONSTRAINT of_a_user CHECK (price < 0) NOT VALID`);
      await sleep(holdMs * 2);
      await sql(stage, `ALTER TABLE ${stage.prefix}_ticks DROP CONSTRAINT of_a_user`);
      assert.is(await rejectedOf(stage), before);
    },
  },
  {
    name: 'a column is dropped and put back',
    where: 'PostgreSQL, schema drift',
    checked: 'flushing stops, and nothing is rejected',
    hurts: ['postgres'],
    needs: 'services',
    // Every row's volume is computed anew: not for a table of millions.
    onlyAlone: true,
    inject: async (stage, { holdMs }) => {
      const { prefix } = stage;
      const before = await rejectedOf(stage);
      const [view] = await sql<{ text: string }>(stage, `SELECT pg_get_viewdef('${prefix}_last'::regclass) AS text`);
      await sql(stage, `ALTER TABLE ${prefix}_ticks DROP COLUMN volume CASCADE`);
      await sleep(holdMs);
      await withDatabase(stage, async (client) => {
        await client.query('BEGIN');
        await client.query(`ALTER TABLE ${prefix}_ticks ADD COLUMN volume bigint`);
        // The test's ticks say in their time which one they are, too.
        await client.query(
          `UPDATE ${prefix}_ticks SET volume = micros / 1000 * 10000 + micros % 1000 FROM
             (SELECT DISTINCT time AS t, (extract(epoch FROM time) * 1000000)::bigint - 1704153600000000 AS micros FROM ${prefix}_ticks) AS x
           WHERE time = t`,
        );
        await client.query(`ALTER TABLE ${prefix}_ticks ALTER COLUMN volume SET NOT NULL`);
        await client.query(`CREATE OR REPLACE VIEW ${prefix}_last AS ${view?.text ?? ''}`);
        await client.query('COMMIT');
      });
      assert.is(await rejectedOf(stage), before);
    },
  },
];

/** PostgreSQL killed, restarted, restored. */
export const POSTGRES_SERVER_FAULTS: readonly OwnFault[] = [
  {
    name: 'PostgreSQL is restarted in order',
    where: 'PostgreSQL, fast shutdown',
    hurts: ['postgres'],
    needs: 'own stage',
    inject: ({ postgres }) => postgres.restart(),
  },
  {
    name: 'all processes of PostgreSQL are killed',
    where: 'PostgreSQL, SIGKILL',
    hurts: ['postgres'],
    weight: 2,
    needs: 'own stage',
    inject: async ({ postgres }) => {
      await postgres.kill();
      await postgres.start();
    },
  },
  {
    name: 'synchronous_commit is off by default, and PostgreSQL is killed',
    where: 'PostgreSQL, SIGKILL',
    checked: 'what was told committed is there',
    hurts: ['postgres'],
    needs: 'own stage',
    inject: (stage, { holdMs }) =>
      withDefault(stage, 'synchronous_commit', 'off', async () => {
        await sleep(SETTLE_MS);
        await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
        await sleep(holdMs / 2);
        const told = new Map(stage.fleet.feeds.map((feed) => [feed, stage.fleet.progress(feed).committed]));
        await stage.postgres.kill();
        await stage.postgres.start();
        const rows = await sql<{ feed: string; seq: string }>(
          stage,
          `SELECT feed, seq FROM ${stage.prefix}_feed_watermarks`,
        );
        for (const { feed, seq } of rows) assert.ok(Number(seq) >= (told.get(feed) ?? 0), feed);
      }),
  },
  {
    name: 'PostgreSQL stands still',
    where: 'PostgreSQL, SIGSTOP',
    hurts: ['postgres'],
    needs: 'own stage',
    inject: async ({ postgres }, { holdMs }) => {
      postgres.signal('SIGSTOP');
      await sleep(holdMs * 3);
      postgres.signal('SIGCONT');
    },
  },
  {
    name: 'the database is restored from an old copy, and the feeds still keep what it lacks',
    where: 'PostgreSQL, restored',
    checked: 'they send it again: no gap is declared',
    hurts: ['postgres'],
    weight: 2,
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      const copy = await copyData(stage, stage.postgres, 'old-postgres');
      await sleep(holdMs * 2);
      await restoreDatabase(stage, copy);
    },
  },
  {
    name: 'the database is restored from an old copy while the feeds have nothing new',
    where: 'PostgreSQL, restored with idle feeds',
    checked: 'the feeds learn of it without sending',
    hurts: ['postgres', 'feeds'],
    weight: 0.2,
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      const copy = await copyData(stage, stage.postgres, 'old-postgres');
      await sleep(holdMs);
      stage.fleet.generate(false);
      await sleep(SETTLE_MS);
      const sent = stage.fleet.sent();
      await stage.fleet.whenCommitted(sent, 30_000);
      await restoreDatabase(stage, copy);
      await until('all of it is stored again', 30_000, async () => {
        const rows = await sql<{ feed: string; seq: string }>(
          stage,
          `SELECT feed, seq FROM ${stage.prefix}_feed_watermarks`,
        );
        const stored = new Map(rows.map(({ feed, seq }) => [feed, Number(seq)]));
        return [...sent].every(([feed, seq]) => (stored.get(feed) ?? 0) >= seq);
      });
      stage.fleet.generate(true);
    },
  },
];
