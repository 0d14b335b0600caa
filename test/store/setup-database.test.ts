import * as assert from 'uvu/assert';
import { StoreSchemaError, UsageError } from '../../src/errors.ts';
import { checkSchema } from '../../src/store/check-schema.ts';
import { connectPostgres } from '../../src/store/postgres-connection.ts';
import { missingExtension } from '../../src/store/missing-extension.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { loadSql, renderSql } from '../../src/store/sql-file.ts';
import { isVersionAtLeast } from '../../src/store/timescale-edition.ts';
import { suite } from '../support/suite.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { rejectionOf, remedyOf } from './rejection.ts';

const test = suite('setup-db');
let database: FreshDatabase;
test.before(async () => {
  database = await openFreshDatabase({ isEmpty: true });
});
test.after(() => database.close());

test('makes everything once and nothing the second time', async () => {
  const first = await setupDatabase(database.client, database.config);
  assert.equal(first.applied.slice(0, 3), ['001_ticks', '002_feeds', '003_bars']);
  assert.is(first.extensionCreated, true);
  assert.is(first.viewsRenewed, true);
  assert.ok(['apache', 'community'].includes(first.edition));
  assert.match(first.timescaleVersion, /^\d+\.\d+/);

  const second = await setupDatabase(database.client, database.config);
  assert.equal([second.applied, second.extensionCreated, second.viewsRenewed], [[], false, false]);
});

test('makes a hypertable of one-day chunks with the index (symbol, time) alone, and no unique one', async () => {
  const { rows } = await database.client.query<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE tablename = 'egx_ticks'`,
  );
  assert.is(rows.length, 1);
  assert.match(rows[0]?.indexdef ?? '', /^CREATE INDEX .*\(symbol, "?time"?\)$/);
  const dimension = await database.client.query<{ width: string }>(
    `SELECT time_interval::text AS width FROM timescaledb_information.dimensions WHERE hypertable_name = 'egx_ticks'`,
  );
  assert.is(dimension.rows[0]?.width, '1 day');
});

test('two at once: one works, the other finds it done', async () => {
  const config = database.configWith({ TICKS_PREFIX: 'twice' });
  const clients = await Promise.all([connectPostgres(config), connectPostgres(config), connectPostgres(config)]);
  const reports = await Promise.all(clients.map((client) => setupDatabase(client, config)));
  await Promise.all(clients.map((client) => client.end()));
  const applied = reports.flatMap((report) => report.applied).filter((name) => /^\d/.test(name));
  assert.equal(applied.sort(), ['001_ticks', '002_feeds', '003_bars']);
  assert.is(reports.filter((report) => report.viewsRenewed).length, 1);
});

test('two at once in a database without the extension', async () => {
  const empty = await openFreshDatabase({ isEmpty: true });
  try {
    const other = await connectPostgres(empty.config);
    const reports = await Promise.all([setupDatabase(empty.client, empty.config), setupDatabase(other, empty.config)]);
    await other.end();
    assert.is(new Set(reports.map((report) => report.timescaleVersion)).size, 1);
  } finally {
    await empty.close();
  }
});

test('keeps a table made by another program, with its rows, its index and its sort order', async () => {
  const config = database.configWith({ TICKS_PREFIX: 'seed' });
  await database.client.query(`
    CREATE TABLE seed_ticks (time timestamptz NOT NULL, symbol varchar(64) NOT NULL, price double precision, volume bigint);
    CREATE INDEX idx_seed_ticks ON seed_ticks (symbol, time DESC);
    INSERT INTO seed_ticks VALUES ('2025-12-01 08:00:00.000001+00', 'COMI', 45.5, 1000);`);
  const report = await setupDatabase(database.client, config);
  assert.ok(report.notes.some((note) => note.includes('rebuild-bars')));
  const indexes = await database.client.query<{ indexname: string }>(
    `SELECT indexname FROM pg_indexes WHERE tablename = 'seed_ticks'`,
  );
  assert.equal(
    indexes.rows.map((row) => row.indexname),
    ['idx_seed_ticks'],
  );
  const kept = await database.client.query<{ text: string }>(`SELECT seed_ticks::text AS text FROM seed_ticks`);
  assert.is(kept.rows.length, 1);
  await checkSchema(database.client, config);
  // Symbols of both tables have one collation: joining them must not fail.
  await database.client.query('SELECT * FROM seed_last');
});

const WRONG_TABLES: ReadonlyArray<readonly [prefix: string, columns: string, says: RegExp]> = [
  [
    'wa',
    'time timestamptz, symbol text, price numeric(10,2), volume bigint',
    /price of wa_ticks is numeric\(10,2\) and must be double precision/,
  ],
  [
    'wb',
    'time timestamptz, symbol text, price double precision, volume integer',
    /volume of wb_ticks is integer and must be bigint/,
  ],
  [
    'wc',
    'time timestamp, symbol text, price double precision, volume bigint',
    /time of wc_ticks is timestamp without time zone and must be timestamp with time zone/,
  ],
  [
    'wd',
    'time timestamptz, symbol varchar(8), price double precision, volume bigint',
    /symbol of wd_ticks is character varying\(8\) and must be text/,
  ],
  [
    'we',
    'time timestamptz, symbol text, price double precision',
    /we_ticks exists and has no column volume \(bigint\)/,
  ],
  [
    'wf',
    'time timestamptz, symbol text, price double precision, volume bigint, side text NOT NULL',
    /side of wf_ticks is NOT NULL without a default/,
  ],
];
for (const [prefix, columns, says] of WRONG_TABLES) {
  test(`refuses a table with ${columns}`, async () => {
    await database.client.query(`CREATE TABLE ${prefix}_ticks (${columns})`);
    const config = database.configWith({ TICKS_PREFIX: prefix });
    for (const check of [setupDatabase, checkSchema]) {
      const error = await rejectionOf(check(database.client, config));
      assert.instance(error, StoreSchemaError);
      assert.match(error.message, says);
      assert.match(remedyOf(error), /ALTER TABLE/);
    }
    const made = await database.client.query(`SELECT FROM pg_tables WHERE tablename = '${prefix}_bars_1m'`);
    assert.is(made.rowCount, 0);
  });
}

test('a schema made by a newer version is left alone', async () => {
  const config = database.configWith({ TICKS_PREFIX: 'newer' });
  await setupDatabase(database.client, config);
  await database.client.query(`INSERT INTO newer_schema_versions (version, name) VALUES (7, '007_future')`);
  const error = await rejectionOf(setupDatabase(database.client, config));
  assert.match(error.message, /newer Tickgate \(it has version 7\)/);
});

test('without tables the check says what to run', async () => {
  const error = await rejectionOf(checkSchema(database.client, database.configWith({ TICKS_PREFIX: 'nothing' })));
  assert.instance(error, StoreSchemaError);
  assert.match(error.message, /nothing_ticks.*no such table/);
  assert.match(remedyOf(error), /tickgate setup-db/);
});

test('the columnstore’s statements are ones this TimescaleDB knows', async (context) => {
  const report = await setupDatabase(database.client, database.config);
  if (report.columnstore === 'on') {
    const { rowCount } = await database.client.query(
      `SELECT FROM timescaledb_information.jobs WHERE hypertable_name = 'egx_ticks' AND proc_name = 'policy_compression'`,
    );
    assert.is(rowCount, 1);
    return;
  }
  if (!isVersionAtLeast(report.timescaleVersion, 2, 18)) context.skip('TimescaleDB is older than its columnstore');
  // The Apache edition parses them and refuses them for its licence alone.
  const statements = loadSql('./schema/columnstore.sql', { prefix: 'egx' })
    .trim()
    .split(/(?<=;)\n/);
  assert.is(statements.length, 2);
  for (const statement of statements) {
    const error = await rejectionOf(database.client.query(statement));
    assert.match(error.message, /not supported under the current "apache" license/);
  }
});

const WITHOUT_EXTENSION = {
  postgres: '15.18',
  postgresMajor: 15,
  timescale: undefined,
  timescaleAvailable: undefined,
  edition: undefined,
} as const;

test('without the extension on the server: the package, the setting and the statement', () => {
  const error = missingExtension(WITHOUT_EXTENSION, database.config);
  assert.match(error.message, /TimescaleDB is not installed on the server .* \(PostgreSQL 15\.18\)/);
  assert.match(error.remedy, /postgresql-15-timescaledb/);
  assert.match(error.remedy, /shared_preload_libraries = 'timescaledb'/);
  assert.match(error.remedy, /CREATE EXTENSION timescaledb/);
});

test('with the extension but without its library: the setting and the restart', () => {
  const versions = { ...WITHOUT_EXTENSION, timescale: '2.19.3', timescaleAvailable: '2.19.3' };
  const error = missingExtension(versions, database.config);
  assert.match(error.message, /not loaded by the server/);
  assert.match(error.remedy, /shared_preload_libraries = 'timescaledb'.*restart/);
});

test('without the extension in the database the check says what to run', async () => {
  const empty = await openFreshDatabase({ isEmpty: true });
  try {
    await empty.client.query('DROP EXTENSION IF EXISTS timescaledb');
    const error = await rejectionOf(checkSchema(empty.client, empty.config));
    assert.match(error.message, /TimescaleDB is not created in the database/);
    assert.match(remedyOf(error), /tickgate setup-db/);
  } finally {
    await empty.close();
  }
});

test('the views follow the time zone of the settings', async () => {
  const zoneOf = async (): Promise<string> => {
    const { rows } = await database.client.query<{ sql: string }>(`SELECT pg_get_viewdef('zoned_bars_1d') AS sql`);
    return /'([A-Z][A-Za-z]+\/[A-Za-z_]+)'/.exec(rows[0]?.sql ?? '')?.[1] ?? '';
  };
  await setupDatabase(database.client, database.configWith({ TICKS_PREFIX: 'zoned' }));
  assert.is(await zoneOf(), 'Africa/Cairo');
  const changed = database.configWith({ TICKS_PREFIX: 'zoned', BARS_TIME_ZONE: 'America/New_York' });
  assert.is((await setupDatabase(database.client, changed)).viewsRenewed, true);
  assert.is(await zoneOf(), 'America/New_York');
});

test('a user without rights is told the statement that gives them', async (context) => {
  if (database.config.postgresUrl !== undefined) context.skip('POSTGRES_URL names the user');
  const role = `tickgate_weak_${Date.now()}`;
  await database.client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'weak'`);
  const asRole = { POSTGRES_USER: role, POSTGRES_PASSWORD: 'weak' };
  const weak = await connectPostgres(database.configWith(asRole));
  try {
    const refused = await rejectionOf(setupDatabase(weak, database.configWith({ ...asRole, TICKS_PREFIX: 'weak' })));
    assert.instance(refused, StoreSchemaError);
    assert.match(remedyOf(refused), new RegExp(`GRANT USAGE, CREATE ON SCHEMA public TO "${role}"`));

    const unread = await rejectionOf(checkSchema(weak, database.configWith(asRole)));
    assert.match(unread.message, new RegExp(`user ${role} has no right to`));
    const grant = /-c '(GRANT [^']+)'/.exec(remedyOf(unread))?.[1] ?? '';
    await database.client.query(grant);
    await checkSchema(weak, database.configWith(asRole));
  } finally {
    await weak.end();
    await database.client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test('a time zone that is none is refused before anything is written', () => {
  assert.throws(
    () => database.configWith({ BARS_TIME_ZONE: `x'; DROP TABLE egx_ticks; --` }),
    (error: unknown) => error instanceof UsageError,
  );
});

for (const [version, expected] of [
  ['2.18.0', true],
  ['2.17.2', false],
  ['3.0.0', true],
  ['2.30.0-dev', true],
  ['2.9.1', false],
] as const) {
  test(`version ${version} is ${expected ? '' : 'not '}at least 2.18`, () => {
    assert.is(isVersionAtLeast(version, 2, 18), expected);
  });
}

for (const [template, variables] of [
  ['SELECT {zone}', { prefix: 'egx' }],
  ['SELECT {nothing}', { prefix: 'egx' }],
  ['SELECT * FROM {prefix}_ticks', { prefix: 'egx; DROP' }],
  ['SELECT * FROM {prefix}_ticks', {}],
] as const) {
  test(`an SQL file with an open place is not run: ${template} ${JSON.stringify(variables)}`, () => {
    assert.throws(() => renderSql(template, variables), /no table prefix|not given/);
  });
}

test('values in SQL files are quoted', () => {
  const sql = renderSql('-- {nothing} in a comment\n{zone} {collation}', {
    zone: "a'b",
    collation: ['pg_catalog', 'x"y'],
  });
  assert.is(sql, `'a''b' "pg_catalog"."x""y"`);
});
