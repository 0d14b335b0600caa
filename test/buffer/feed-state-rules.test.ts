import * as assert from 'uvu/assert';
import type { OpenClaim, FeedState } from '../../src/stream/feed-state.ts';
import { appendFrames, invalidateFeed, mayTrimStale, openFeed, renewFeed, prepareRenewal } from './feed-state-rules.ts';
import { suite } from '../support/suite.ts';

/** The answers of each rule, case by case: a rule taken out of TypeScript and Lua alike is missed here. */
const test = suite('feed state rules');

const STATE: FeedState = {
  run: 'run',
  generation: 'g1',
  position: 10,
  shownUpTo: 10,
  session: 's1',
  instance: 'i1',
  attempt: 3,
  writer: 'i1',
  nonce: '',
};
const NOTHING: FeedState = {
  ...STATE,
  run: '',
  generation: '',
  position: 0,
  shownUpTo: 4,
  session: '',
  instance: '',
  attempt: 0,
  writer: '',
};
const CLAIM: OpenClaim = { session: 's2', instance: 'i1', attempt: 4, have: 10 };
const other = (claim: Partial<OpenClaim>): OpenClaim => ({ ...CLAIM, instance: 'i2', attempt: 1, ...claim });

const OPENS: ReadonlyArray<readonly [string, FeedState | undefined, OpenClaim, boolean, string]> = [
  ['its own process comes back', STATE, CLAIM, false, 'opened'],
  ['the same attempt comes again', STATE, { ...CLAIM, attempt: 3 }, false, 'opened'],
  ['an earlier attempt comes late', STATE, { ...CLAIM, attempt: 2 }, false, 'late'],
  ['nothing is there', undefined, CLAIM, false, 'none'],
  ['a seed is there', { ...NOTHING, nonce: 'x' }, CLAIM, false, 'none'],
  ['the state is of another run', { ...STATE, run: 'older' }, CLAIM, false, 'none'],
  ['another program opens for the first time', STATE, other({}), false, 'opened'],
  ['another program, too soon after the last', STATE, other({}), true, 'spaced'],
  ['another program, and nobody is connected', { ...STATE, session: '' }, other({}), true, 'opened'],
  ['a later open of one that was taken over', STATE, other({ attempt: 2, have: 9 }), false, 'taken'],
  ['a later open of one that knows all there is', STATE, other({ attempt: 2, have: 10 }), false, 'opened'],
  ['a later open of the last writer itself', STATE, { ...CLAIM, have: 0 }, false, 'opened'],
];
for (const [name, state, claim, spaced, expected] of OPENS) {
  test(`open, ${name}: ${expected}`, () => {
    const answer = openFeed(state, 'run', claim, spaced);
    assert.is(answer.outcome, expected);
    if (expected !== 'opened') return assert.is(answer.state, state);
    assert.equal(answer.state, {
      ...(state ?? NOTHING),
      session: claim.session,
      instance: claim.instance,
      attempt: claim.attempt,
    });
  });
}

const FINGERPRINT = 'run|g1|';
const RENEWALS: ReadonlyArray<
  readonly [string, FeedState | undefined, string, { seq: number; writer: string }, OpenClaim, string]
> = [
  ['the state is as it was seen', STATE, FINGERPRINT, { seq: 7, writer: 'i1' }, CLAIM, 'opened'],
  ['the seed is as it was planted', { ...NOTHING, nonce: 'x' }, '||x', { seq: 7, writer: 'i1' }, CLAIM, 'opened'],
  [
    'another has renewed meanwhile',
    { ...STATE, generation: 'g2' },
    FINGERPRINT,
    { seq: 7, writer: 'i1' },
    CLAIM,
    'changed',
  ],
  ['another seed was planted', { ...NOTHING, nonce: 'y' }, '||x', { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['Redis was wiped meanwhile', undefined, FINGERPRINT, { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['Redis is another meanwhile', { ...STATE, run: 'newer' }, FINGERPRINT, { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['an earlier attempt comes late', STATE, FINGERPRINT, { seq: 7, writer: 'i1' }, { ...CLAIM, attempt: 2 }, 'late'],
  ['the row is another program’s', STATE, FINGERPRINT, { seq: 11, writer: 'i9' }, CLAIM, 'taken'],
  ['the row is another’s, and known', STATE, FINGERPRINT, { seq: 10, writer: 'i9' }, CLAIM, 'opened'],
];
for (const [name, state, fingerprint, row, claim, expected] of RENEWALS) {
  test(`renew, ${name}: ${expected}`, () => {
    const answer = renewFeed(state, 'run', fingerprint, 'new', row, claim);
    assert.is(answer.outcome, expected);
    if (expected !== 'opened') return assert.is(answer.state, state);
    assert.is(answer.state?.generation, 'new');
    assert.is(answer.state?.run, 'run');
    assert.is(answer.state?.position, row.seq);
    assert.is(answer.state?.session, claim.session);
    assert.is(answer.state?.shownUpTo, Math.max(row.seq, state?.shownUpTo ?? 0), 'what was shown is not shown again');
  });
}

const APPENDS: ReadonlyArray<
  readonly [string, FeedState | undefined, string, { prev: number; last: number }, boolean, string]
> = [
  ['the next frames', STATE, 's1', { prev: 10, last: 12 }, false, 'appended'],
  ['frames that are there', STATE, 's1', { prev: 8, last: 10 }, false, 'repeat'],
  ['frames behind a hole', STATE, 's1', { prev: 11, last: 12 }, false, 'lost-chain'],
  ['frames that straddle the position', STATE, 's1', { prev: 9, last: 12 }, false, 'lost-chain'],
  ['of another session', STATE, 's9', { prev: 10, last: 12 }, false, 'session'],
  ['of a session that ended', { ...STATE, session: '' }, 's1', { prev: 10, last: 12 }, false, 'session'],
  ['nothing is there', undefined, 's1', { prev: 10, last: 12 }, false, 'lost-state'],
  ['the state was invalidated', NOTHING, 's1', { prev: 10, last: 12 }, false, 'lost-state'],
  ['the state is of another run', { ...STATE, run: 'older' }, 's1', { prev: 10, last: 12 }, false, 'lost-state'],
  ['the buffer is full', STATE, 's1', { prev: 10, last: 12 }, true, 'full'],
  ['repeats, and the buffer is full', STATE, 's1', { prev: 8, last: 10 }, true, 'repeat'],
];
for (const [name, state, session, frames, isFull, expected] of APPENDS) {
  test(`append, ${name}: ${expected}`, () => {
    const answer = appendFrames(state, 'run', session, { ...frames, writer: 'w' }, isFull);
    assert.is(answer.outcome, expected);
    if (expected === 'appended') assert.equal(answer.state, { ...STATE, position: 12, shownUpTo: 12, writer: 'w' });
    else assert.is(answer.state, state);
  });
}

test('prepare-renewal: a state of this run has no fingerprint; anything else has one, and a nonce is written once', () => {
  assert.equal(prepareRenewal(STATE, 'run', 'x'), { fingerprint: undefined, state: STATE });
  assert.equal(prepareRenewal(STATE, 'newer', 'x'), { fingerprint: FINGERPRINT, state: STATE });
  const planted = prepareRenewal(NOTHING, 'run', 'x');
  assert.is(planted.fingerprint, '||x');
  assert.is(prepareRenewal(planted.state, 'run', 'y').fingerprint, '||x', 'all who find the seed share it');
  assert.is(prepareRenewal(undefined, 'run', 'x').fingerprint, '||x');
});

test('invalidate: only the state that was checked, and how far dashboards have seen it stays known', () => {
  assert.equal(invalidateFeed(STATE, 'run', 'g1'), { outcome: 'invalidated', state: { ...NOTHING, shownUpTo: 10 } });
  for (const [run, generation] of [
    ['run', 'g2'],
    ['newer', 'g1'],
  ] as const)
    assert.equal(invalidateFeed(STATE, run, generation), { outcome: 'kept', state: STATE });
  assert.is(invalidateFeed(undefined, 'run', 'g1').outcome, 'kept');
});

test('trim: an entry of another generation goes only where there is a state', () => {
  assert.ok(mayTrimStale(STATE, 'g0'));
  assert.not.ok(mayTrimStale(STATE, 'g1'));
  assert.not.ok(mayTrimStale(NOTHING, 'g0'));
  assert.not.ok(mayTrimStale(undefined, 'g0'));
});
