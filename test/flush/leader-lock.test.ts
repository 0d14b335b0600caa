import { Client } from 'pg';
import * as assert from 'uvu/assert';
import { tryLockLeadership } from '../../src/flush/leader-lock.ts';
import { suite } from '../support/suite.ts';

const test = suite('leader lock');

function answering(rows: readonly unknown[]) {
  const queries: unknown[] = [];
  const query = (...args: unknown[]): Promise<unknown> => {
    queries.push(args);
    return Promise.resolve({ rows });
  };
  return { client: Object.assign(new Client(), { query }), queries };
}

test('tries the session’s advisory lock of the deployment, and does not wait for it', async () => {
  const { client, queries } = answering([{ taken: true }]);
  assert.is(await tryLockLeadership(client, [-5, 7]), true);
  assert.equal(queries, [['SELECT pg_try_advisory_lock($1, $2) AS taken', [-5, 7]]]);
});

test('only a plain yes is the lock', async () => {
  for (const rows of [[{ taken: false }], [{ taken: null }], [{}], []])
    assert.is(await tryLockLeadership(answering(rows).client, [1, 2]), false);
});
