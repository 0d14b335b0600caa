import * as assert from 'uvu/assert';
import { type Admission, ConnectionLimits } from '../../src/http/connection-limits.ts';
import { UpgradeRefusal } from '../../src/http/upgrade-refusal.ts';
import { suite } from '../support/suite.ts';

const test = suite('connection limits');

class Limits {
  readonly #limits: ConnectionLimits;

  constructor(maxConnections: number, maxUnauthenticatedPerAddress: number) {
    const shares = { feedReservePercent: 10, tokenSharePercent: 50 };
    this.#limits = new ConnectionLimits({ maxConnections, maxUnauthenticatedPerAddress, ...shares });
  }

  get connections(): number {
    return this.#limits.connections;
  }

  stranger(address: string, kind: 'feed' | 'live' = 'feed'): Admission {
    return this.#limits.admit({ address, kind, isAuthenticated: false, token: undefined });
  }

  feed(token: string | undefined): Admission {
    return this.#limits.admit({ address: 'a', kind: 'feed', isAuthenticated: true, token });
  }

  live(token: string | undefined): Admission {
    return this.#limits.admit({ address: 'a', kind: 'live', isAuthenticated: true, token });
  }
}

function statusOf(admit: () => unknown): number {
  try {
    admit();
    return 101;
  } catch (error) {
    assert.instance(error, UpgradeRefusal);
    return error instanceof UpgradeRefusal ? error.status : 0;
  }
}

/** How many get in, of so many. */
function admitted(most: number, admit: (at: number) => unknown): number {
  let count = 0;
  for (let at = 0; at < most; at++) if (statusOf(() => admit(at)) === 101) count += 1;
  return count;
}

test('strangers of one address: so many, and each that leaves or authenticates makes room', () => {
  const limits = new Limits(100, 2);
  const first = limits.stranger('a');
  const second = limits.stranger('a');
  const statusOfNext = (address: string): number => statusOf(() => limits.stranger(address));
  assert.is(statusOfNext('a'), 429);
  assert.is(statusOfNext('b'), 101);
  first.authenticated('t');
  first.authenticated('t');
  assert.is(statusOfNext('a'), 101);
  assert.is(statusOfNext('a'), 429);
  second.closed();
  second.closed();
  assert.is(statusOfNext('a'), 101);
});

test('whoever shows a token is not counted among the strangers of its address', () => {
  const limits = new Limits(100, 1);
  limits.stranger('a');
  assert.is(
    statusOf(() => limits.feed('t')),
    101,
  );
  assert.is(limits.connections, 2);
});

test('connections that have not authenticated cannot take the last tenth', () => {
  const limits = new Limits(20, 1);
  const unauthenticated = Array.from({ length: 18 }, (_, at) => limits.stranger(`stranger ${at}`));
  const statusOfFeed = (token: string): number => statusOf(() => limits.feed(token));
  assert.is(
    statusOf(() => limits.stranger('another')),
    503,
  );
  assert.is(statusOfFeed('feed 1'), 101);
  assert.is(statusOfFeed('feed 2'), 101);
  assert.is(statusOfFeed('feed 3'), 503);
  unauthenticated[0]?.closed();
  assert.is(statusOfFeed('feed 3'), 101);
  assert.is(limits.connections, 20);
});

test('one token takes half at most, of either kind, and what it gives back it may take again', () => {
  const limits = new Limits(100, 1);
  const first = limits.live('t');
  assert.is(
    admitted(100, (at) => (at % 2 === 0 ? limits.live('t') : limits.feed('t'))),
    49,
  );
  assert.is(
    statusOf(() => limits.live('t')),
    429,
  );
  first.closed();
  first.closed();
  assert.is(
    admitted(2, () => limits.live('t')),
    1,
  );
  assert.is(
    statusOf(() => limits.live('other')),
    101,
  );
});

test('a token that comes as a message counts for its token too', () => {
  const limits = new Limits(4, 4);
  const isWithin = (): boolean => limits.stranger('a', 'live').authenticated('t');
  assert.equal([isWithin(), isWithin(), isWithin()], [true, true, false]);
  assert.is(
    statusOf(() => limits.live('t')),
    429,
  );
});

test('dashboards of any number of tokens never take what is reserved for feeds', () => {
  const limits = new Limits(100, 100);
  assert.is(
    admitted(200, (at) => limits.live(`t${at}`)),
    90,
  );
  assert.is(
    statusOf(() => limits.stranger('a', 'live')),
    503,
  );
  // Half of the reserve is for feeds whose token comes with the upgrade, and half of it for one token.
  assert.is(
    admitted(50, () => limits.stranger('a')),
    5,
  );
  assert.is(
    admitted(50, () => limits.feed('greedy')),
    5,
  );
  assert.is(limits.connections, 100);
});

test('one feed token leaves half of the reserve to the others', () => {
  const limits = new Limits(100, 100);
  for (let at = 0; at < 90; at++) limits.live(`t${at}`);
  assert.is(
    admitted(50, () => limits.feed('greedy')),
    5,
  );
  assert.is(
    admitted(50, () => limits.feed('modest')),
    5,
  );
});

test('feeds beyond the reserve take nothing from it, and dashboards may have the rest', () => {
  const limits = new Limits(100, 100);
  for (let at = 0; at < 40; at++) limits.feed('feeds');
  assert.is(
    admitted(100, (at) => limits.live(`t${at}`)),
    60,
  );
});

test('without tokens nobody is bounded but by the reserve', () => {
  const limits = new Limits(100, 100);
  assert.is(
    admitted(200, () => limits.live(undefined)),
    90,
  );
  assert.is(
    admitted(200, () => limits.feed(undefined)),
    10,
  );
});
