import * as assert from 'uvu/assert';
import { classifySqlState, type SqlStateClass } from '../../src/store/sql-state.ts';
import { suite } from '../support/suite.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { rejectionOf } from './rejection.ts';

const test = suite('classes of SQLSTATE');
let database: FreshDatabase;
test.before(async () => {
  database = await openFreshDatabase();
});
test.after(() => database.close());

const BY_STATE: ReadonlyArray<readonly [state: string, expected: SqlStateClass]> = [
  ['08006', 'retry'],
  ['08P01', 'schema-drift'],
  ['40001', 'retry'],
  ['40P01', 'retry'],
  ['53100', 'retry'],
  ['53300', 'retry'],
  ['57014', 'retry'],
  ['57P01', 'retry'],
  ['25006', 'retry'],
  ['25P02', 'retry'],
  ['22003', 'bad-tick'],
  ['22021', 'bad-tick'],
  ['22P02', 'bad-tick'],
  ['22P03', 'schema-drift'],
  ['22P04', 'schema-drift'],
  ['23514', 'bad-tick'],
  ['23505', 'bad-tick'],
  ['23502', 'schema-drift'],
  ['42P01', 'schema-drift'],
  ['42703', 'schema-drift'],
  ['42501', 'schema-drift'],
  ['55P03', 'retry'],
  ['P0001', 'bad-tick'],
  ['XX000', 'retry'],
  ['0A000', 'retry'],
];
for (const [state, expected] of BY_STATE) {
  test(`${state} is ${expected}`, () => {
    assert.is(classifySqlState(Object.assign(new Error('x'), { code: state, severity: 'ERROR' })), expected);
  });
}

const NOT_POSTGRES: readonly unknown[] = [
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  // A code of Node that looks like a class of PostgreSQL's must not be taken for one.
  Object.assign(new Error('x'), { code: '42P01' }),
  new Error('Connection terminated unexpectedly'),
  undefined,
  'text',
  { code: 42, severity: 'ERROR' },
];
NOT_POSTGRES.forEach((error, index) => {
  test(`what PostgreSQL did not say is retried (${index})`, () => {
    assert.is(classifySqlState(error), 'retry');
  });
});

const REAL: ReadonlyArray<readonly [sql: string, expected: SqlStateClass]> = [
  [`INSERT INTO egx_ticks VALUES (now(), 'A', 1, 99999999999999999999)`, 'bad-tick'],
  [`INSERT INTO egx_ticks VALUES (now(), NULL, 1, 1)`, 'schema-drift'],
  [`INSERT INTO egx_nothing VALUES (1)`, 'schema-drift'],
  [`INSERT INTO egx_ticks (time, side) VALUES (now(), 1)`, 'schema-drift'],
  [`SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)`, 'retry'],
];
for (const [sql, expected] of REAL) {
  test(`as PostgreSQL says it: ${sql} is ${expected}`, async () => {
    assert.is(classifySqlState(await rejectionOf(database.client.query(sql))), expected);
  });
}
