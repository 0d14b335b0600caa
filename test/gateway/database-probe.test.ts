import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { DatabaseProbe } from '../../src/gateway/database-probe.ts';
import { until } from '../support/test-market.ts';
import { suite } from '../support/suite.ts';

const test = suite('gateway/database-probe');

test('it is up after the first answer, down after a query that failed, and up again', async () => {
  let isAway = false;
  using probe = new DatabaseProbe(() => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()), 2);
  assert.is(probe.isUp, false, 'before it was asked');
  await probe.start();
  assert.is(probe.isUp, true);
  isAway = true;
  await until('down', () => !probe.isUp);
  isAway = false;
  await until('up again', () => probe.isUp);
});

test('a database that is away at the start is no error', async () => {
  using probe = new DatabaseProbe(() => Promise.reject(new Error('away')), 2);
  await probe.start();
  assert.is(probe.isUp, false);
});

test('once disposed it asks no more', async () => {
  let queries = 0;
  const probe = new DatabaseProbe(async () => (queries += 1), 2);
  await probe.start();
  await until('asked again', () => queries > 2);
  probe[Symbol.dispose]();
  const before = queries;
  await sleep(20);
  assert.is(queries, before);
});
