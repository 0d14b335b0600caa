import * as assert from 'uvu/assert';
import { ConnectionLimits } from '../../src/http/connection-limits.ts';
import { UpgradeRefusal } from '../../src/http/upgrade-refusal.ts';
import { suite } from '../support/suite.ts';

const test = suite('connection limits');

function statusOf(admit: () => unknown): number {
  try {
    admit();
    return 101;
  } catch (error) {
    assert.instance(error, UpgradeRefusal);
    return error instanceof UpgradeRefusal ? error.status : 0;
  }
}

test('strangers of one address: so many, and each that leaves or authenticates makes room', () => {
  const limits = new ConnectionLimits(100, 2);
  const first = limits.admit('a', false);
  const second = limits.admit('a', false);
  assert.is(
    statusOf(() => limits.admit('a', false)),
    429,
  );
  assert.is(
    statusOf(() => limits.admit('b', false)),
    101,
  );
  first.authenticated();
  first.authenticated();
  assert.is(
    statusOf(() => limits.admit('a', false)),
    101,
  );
  assert.is(
    statusOf(() => limits.admit('a', false)),
    429,
  );
  second.closed();
  second.closed();
  assert.is(
    statusOf(() => limits.admit('a', false)),
    101,
  );
});

test('whoever shows a token is not counted among the strangers of its address', () => {
  const limits = new ConnectionLimits(100, 1);
  limits.admit('a', false);
  assert.is(
    statusOf(() => limits.admit('a', true)),
    101,
  );
  assert.is(limits.connections, 2);
});

test('connections that have not authenticated cannot take the last tenth', () => {
  const limits = new ConnectionLimits(20, 1);
  const unauthenticated = Array.from({ length: 18 }, (_, at) => limits.admit(`stranger ${at}`, false));
  assert.is(
    statusOf(() => limits.admit('another', false)),
    503,
  );
  assert.is(
    statusOf(() => limits.admit('feed 1', true)),
    101,
  );
  assert.is(
    statusOf(() => limits.admit('feed 2', true)),
    101,
  );
  assert.is(
    statusOf(() => limits.admit('feed 3', true)),
    503,
  );
  unauthenticated[0]?.closed();
  assert.is(
    statusOf(() => limits.admit('feed 3', true)),
    101,
  );
  assert.is(limits.connections, 20);
});
