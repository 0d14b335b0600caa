import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { StoreUnavailableError, UsageError } from '../../src/errors.ts';
import { postgresAddressOf, tlsOptionsOf, type PostgresAddress } from '../../src/store/postgres-address.ts';
import { connectPostgres, createPostgresPool, describePostgresAddress } from '../../src/store/postgres-connection.ts';
import { suite } from '../support/suite.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { rejectionOf, remedyOf } from './rejection.ts';

const test = suite('connection to PostgreSQL');
let database: FreshDatabase;
test.before(async () => {
  database = await openFreshDatabase({ isEmpty: true });
});
test.after(() => database.close());

const URLS: ReadonlyArray<readonly [url: string, expected: Partial<PostgresAddress>]> = [
  [
    'postgres://u:p@db.example:5433/market',
    { host: 'db.example', port: 5433, user: 'u', password: 'p', database: 'market' },
  ],
  ['postgresql://db.example', { host: 'db.example', port: 5432, user: 'postgres', database: 'egx_market' }],
  ['postgres://u:p%40%2F%25@h/d', { password: 'p@/%' }],
  ['postgres://[::1]:6000/d', { host: '::1', port: 6000 }],
  ['postgres:///d?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'd' }],
  ['postgres://h/d?sslmode=verify-full&sslrootcert=/ca.pem', { sslMode: 'verify-full', caFile: '/ca.pem' }],
];
for (const [url, expected] of URLS) {
  test(`reads ${url}`, () => {
    const address = postgresAddressOf(loadConfig({ POSTGRES_URL: url }));
    const found = Object.fromEntries(Object.entries(address).filter(([part]) => part in expected));
    assert.equal(found, expected);
  });
}

for (const url of [
  'mysql://h/d',
  'market',
  'postgres://h/d?sslmode=maybe',
  'postgres://h/d?options=-c',
  'postgres://u:p%zz@h/d',
]) {
  test(`refuses ${url} without repeating a password`, () => {
    try {
      postgresAddressOf(loadConfig({ POSTGRES_URL: url }));
      assert.unreachable();
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match(String(error), /POSTGRES_URL/);
      assert.not.match(String(error), /p%zz/);
    }
  });
}

test('the address is shown without the password', () => {
  assert.is(describePostgresAddress(loadConfig({ POSTGRES_URL: 'postgres://u:geheim@[::1]:1/d' })), 'u@[::1]:1/d');
});

test('TLS: what is verified by mode', () => {
  const address = postgresAddressOf(loadConfig({}));
  assert.is(tlsOptionsOf(address), false);
  assert.equal(tlsOptionsOf({ ...address, sslMode: 'require' }), { rejectUnauthorized: false });
  assert.equal(tlsOptionsOf({ ...address, sslMode: 'verify-full' }), { rejectUnauthorized: true });
  const verifyCa = tlsOptionsOf({ ...address, sslMode: 'verify-ca' });
  assert.ok(verifyCa !== false && verifyCa.rejectUnauthorized && verifyCa.checkServerIdentity !== undefined);
  assert.throws(
    () => tlsOptionsOf({ ...address, sslMode: 'require', caFile: '/nonexistent/ca.pem' }),
    (error: unknown) => error instanceof UsageError && /POSTGRES_CA: \/nonexistent\/ca\.pem/.test(error.message),
  );
});

interface Refusal {
  readonly name: string;
  readonly changes: () => Record<string, string>;
  readonly says: RegExp;
  readonly remedy: RegExp;
}

/** By single settings: an address in POSTGRES_URL would hide them. */
const REFUSALS: readonly Refusal[] = [
  {
    name: 'nothing listens',
    changes: () => ({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1' }),
    says: /^Failed to connect to PostgreSQL at .*@127\.0\.0\.1:1\/.*: nothing listens there$/,
    remedy: /systemctl start postgresql/,
  },
  {
    name: 'nothing listens on any address of a name',
    changes: () => ({ POSTGRES_HOST: 'localhost', POSTGRES_PORT: '1' }),
    says: /nothing listens there/,
    remedy: /POSTGRES_HOST/,
  },
  {
    name: 'no such socket',
    changes: () => ({ POSTGRES_HOST: '/nonexistent' }),
    says: /no such socket/,
    remedy: /POSTGRES_HOST/,
  },
  {
    name: 'wrong password',
    changes: () => ({ POSTGRES_PASSWORD: 'wrong' }),
    says: /wrong user or password/,
    remedy: /POSTGRES_PASSWORD/,
  },
  {
    name: 'no such database',
    changes: () => ({ POSTGRES_DB: 'tickgate_nowhere' }),
    says: /the database does not exist/,
    remedy: /createdb -h \S+ -p \d+ -U \S+ tickgate_nowhere .*CREATE DATABASE tickgate_nowhere;/,
  },
  {
    name: 'no TLS, or a certificate of nobody known',
    changes: () => ({ POSTGRES_SSLMODE: 'verify-full' }),
    says: /does not speak TLS|certificate/,
    remedy: /POSTGRES_SSLMODE|POSTGRES_CA/,
  },
  {
    name: 'not PostgreSQL but Redis',
    changes: () => ({
      POSTGRES_HOST: process.env['REDIS_HOST'] ?? '127.0.0.1',
      POSTGRES_PORT: process.env['REDIS_PORT'] ?? '6379',
    }),
    says: /is not PostgreSQL|closed at once|cut|no answer/,
    remedy: /PostgreSQL answers|POSTGRES_PORT|log/,
  },
];
for (const refusal of REFUSALS) {
  test(`says the address, the cause and the remedy: ${refusal.name}`, async (context) => {
    if (database.config.postgresUrl !== undefined) context.skip('the address is given as POSTGRES_URL');
    const config = database.configWith(refusal.changes());
    const error = await rejectionOf(connectPostgres(config, { connectTimeoutMs: 1_000 }));
    assert.instance(error, StoreUnavailableError);
    assert.match(error.message, refusal.says);
    assert.ok(error.message.includes(describePostgresAddress(config)));
    assert.match(remedyOf(error), refusal.remedy);
  });
}

test('a server that never answers ends in a time-out', async () => {
  const sockets: Array<{ destroy: () => unknown }> = [];
  const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is one
    const port = String((silent.address() as AddressInfo).port);
    const config = loadConfig({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: port });
    const error = await rejectionOf(connectPostgres(config, { connectTimeoutMs: 100 }));
    assert.match(error.message, /no answer in time/);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('the session carries its name and its limit, and lives on after a statement was ended', async () => {
  const client = await connectPostgres(database.config, { applicationName: 'tickgate flush', statementTimeoutMs: 50 });
  try {
    const { rows } = await client.query<{ name: string }>(`SELECT current_setting('application_name') AS name`);
    assert.is(rows[0]?.name, 'tickgate flush');
    assert.match((await rejectionOf(client.query('SELECT pg_sleep(5)'))).message, /statement timeout/);
    await client.query('SELECT 1');
  } finally {
    await client.end();
  }
});

test('a session that PostgreSQL ends does not end the process', async () => {
  const lost = await connectPostgres(database.config);
  const pool = createPostgresPool(database.config);
  const held = await pool.connect();
  await pool.query('SELECT 1');
  const ended = Promise.all([lost, held].map((client) => new Promise<void>((resolve) => client.once('end', resolve))));
  await database.client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  await ended;
  await rejectionOf(lost.query('SELECT 1'));
  held.release(true);
  const { rows } = await pool.query<{ one: number }>('SELECT 1 AS one');
  assert.is(rows[0]?.one, 1);
  await pool.end();
});
