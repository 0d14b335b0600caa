import * as assert from 'uvu/assert';
import { findFailures, type Reconciliation, type SubscriberRecord } from '../../../clients/load/reconcile.ts';
import { suite } from '../../support/suite.ts';

const TALLY = { count: 1_000, fingerprint: 77 };
const SUBSCRIBER: SubscriberRecord = {
  mode: 'all',
  expected: TALLY,
  got: TALLY,
  dropped: 0,
  wrong: 0,
  disorder: 0,
  stale: 0,
  failure: undefined,
};
const GOOD: Reconciliation = {
  sent: 1_000,
  unsentFrames: 0,
  acked: 1_000,
  committed: 1_000,
  until: 'committed',
  rejected: 0,
  interruptions: 0,
  holds: 0,
  ownLagMs: 2,
  subscribers: [SUBSCRIBER, SUBSCRIBER],
};
const withSubscriber = (changes: Partial<SubscriberRecord>): Partial<Reconciliation> => ({
  subscribers: [SUBSCRIBER, { ...SUBSCRIBER, ...changes }],
});

const test = suite('load test: reconciliation');

test('nothing is wrong where everything arrived', () => {
  assert.equal(findFailures(GOOD), []);
});

const CASES: ReadonlyArray<readonly [what: string, changes: Partial<Reconciliation>, says: RegExp]> = [
  ['the tool was late', { ownLagMs: 80 }, /load tool could not keep the rate: it was 80 ms late/],
  ['the tool did not send all', { unsentFrames: 3 }, /load tool could not keep the rate: 3 frames/],
  ['the gateway took too little', { unsentFrames: 3, holds: 2 }, /the gateway could not keep the rate/],
  ['not acknowledged', { acked: 990 }, /10 of 1000 ticks were not acknowledged/],
  ['not committed', { committed: 900 }, /100 of 1000 ticks were not committed/],
  ['rejected', { rejected: 4 }, /4 ticks were rejected/],
  ['interrupted', { interruptions: 1 }, /interrupted 1 times/],
  ['a subscriber lost one', withSubscriber({ got: { count: 999, fingerprint: 7 } }), /1 of 2 .* fewer ticks/],
  ['a subscriber got one twice', withSubscriber({ got: { count: 1_001, fingerprint: 7 } }), /1 of 2 .* more ticks/],
  [
    'one lost and one doubled',
    withSubscriber({ got: { count: 1_000, fingerprint: 78 } }),
    /other ticks than were sent/,
  ],
  ['a gap', withSubscriber({ dropped: 5, got: { count: 995, fingerprint: 7 } }), /told of gaps, 5 ticks/],
  [
    'a gap that says less than is missing',
    withSubscriber({ dropped: 5, got: { count: 990, fingerprint: 7 } }),
    /fewer ticks than were sent/,
  ],
  ['mixed fields', withSubscriber({ wrong: 1 }), /fields do not belong together/],
  ['disorder', withSubscriber({ disorder: 1 }), /out of order/],
  ['cut', withSubscriber({ failure: 'closed with 4008' }), /were cut: closed with 4008/],
  ['latest is not the last', withSubscriber({ mode: 'latest', stale: 2 }), /do not show the last ticks/],
];

for (const [what, changes, says] of CASES) {
  test(what, () => {
    const failures = findFailures({ ...GOOD, ...changes });
    assert.ok(
      failures.some((failure) => says.test(failure)),
      failures.join('; ') || 'no failure was found',
    );
  });
}

test('a gateway that nobody flushes is judged by acknowledgements alone', () => {
  assert.equal(findFailures({ ...GOOD, committed: 0, until: 'acked' }), []);
});

test('`latest` may leave ticks out', () => {
  assert.equal(findFailures({ ...GOOD, ...withSubscriber({ mode: 'latest', got: { count: 9, fingerprint: 1 } }) }), []);
});
