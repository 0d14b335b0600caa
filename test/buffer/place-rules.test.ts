import * as assert from 'uvu/assert';
import {
  appendFrames,
  condemnPlace,
  mayTrimForeign,
  type OpenClaim,
  openPlace,
  type PlaceState,
  renewPlace,
  seePlace,
} from '../../src/buffer/place-rules.ts';
import { suite } from '../support/suite.ts';

/** What each rule answers, case by case: a rule taken out of TypeScript and Lua alike is missed here. */
const test = suite('place rules');

const PLACE: PlaceState = {
  run: 'run',
  generation: 'g1',
  position: 10,
  published: 10,
  session: 's1',
  instance: 'i1',
  attempt: 3,
  writer: 'i1',
  seed: '',
};
const NOTHING: PlaceState = {
  ...PLACE,
  run: '',
  generation: '',
  position: 0,
  published: 4,
  session: '',
  instance: '',
  attempt: 0,
  writer: '',
};
const CLAIM: OpenClaim = { session: 's2', instance: 'i1', attempt: 4, have: 10 };
const other = (claim: Partial<OpenClaim>): OpenClaim => ({ ...CLAIM, instance: 'i2', attempt: 1, ...claim });

const OPENS: ReadonlyArray<readonly [string, PlaceState | undefined, OpenClaim, boolean, string]> = [
  ['its own process comes back', PLACE, CLAIM, false, 'opened'],
  ['the same attempt comes again', PLACE, { ...CLAIM, attempt: 3 }, false, 'opened'],
  ['an earlier attempt comes late', PLACE, { ...CLAIM, attempt: 2 }, false, 'late'],
  ['nothing is there', undefined, CLAIM, false, 'none'],
  ['a seed is there', { ...NOTHING, seed: 'x' }, CLAIM, false, 'none'],
  ['the state is of another run', { ...PLACE, run: 'older' }, CLAIM, false, 'none'],
  ['another program opens for the first time', PLACE, other({}), false, 'opened'],
  ['another program, too soon after the last', PLACE, other({}), true, 'spaced'],
  ['another program, and nobody is connected', { ...PLACE, session: '' }, other({}), true, 'opened'],
  ['a later open of one that was taken over', PLACE, other({ attempt: 2, have: 9 }), false, 'taken'],
  ['a later open of one that knows all there is', PLACE, other({ attempt: 2, have: 10 }), false, 'opened'],
  ['a later open of the last writer itself', PLACE, { ...CLAIM, have: 0 }, false, 'opened'],
];
for (const [name, state, claim, spaced, expected] of OPENS) {
  test(`open, ${name}: ${expected}`, () => {
    const answer = openPlace(state, 'run', claim, spaced);
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

const TAG = 'run|g1|';
const RENEWALS: ReadonlyArray<
  readonly [string, PlaceState | undefined, string, { seq: number; writer: string }, OpenClaim, string]
> = [
  ['the state is as it was seen', PLACE, TAG, { seq: 7, writer: 'i1' }, CLAIM, 'opened'],
  ['the seed is as it was planted', { ...NOTHING, seed: 'x' }, '||x', { seq: 7, writer: 'i1' }, CLAIM, 'opened'],
  ['another has renewed meanwhile', { ...PLACE, generation: 'g2' }, TAG, { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['another seed was planted', { ...NOTHING, seed: 'y' }, '||x', { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['Redis was wiped meanwhile', undefined, TAG, { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['Redis is another meanwhile', { ...PLACE, run: 'newer' }, TAG, { seq: 7, writer: 'i1' }, CLAIM, 'changed'],
  ['an earlier attempt comes late', PLACE, TAG, { seq: 7, writer: 'i1' }, { ...CLAIM, attempt: 2 }, 'late'],
  ['the row is another program’s', PLACE, TAG, { seq: 11, writer: 'i9' }, CLAIM, 'taken'],
  ['the row is another’s, and known', PLACE, TAG, { seq: 10, writer: 'i9' }, CLAIM, 'opened'],
];
for (const [name, state, tag, row, claim, expected] of RENEWALS) {
  test(`renew, ${name}: ${expected}`, () => {
    const answer = renewPlace(state, 'run', tag, 'new', row, claim);
    assert.is(answer.outcome, expected);
    if (expected !== 'opened') return assert.is(answer.state, state);
    assert.is(answer.state?.generation, 'new');
    assert.is(answer.state?.run, 'run');
    assert.is(answer.state?.position, row.seq);
    assert.is(answer.state?.session, claim.session);
    assert.is(answer.state?.published, Math.max(row.seq, state?.published ?? 0), 'what was shown is not shown again');
  });
}

const APPENDS: ReadonlyArray<
  readonly [string, PlaceState | undefined, string, { prev: number; last: number }, boolean, string]
> = [
  ['the next frames', PLACE, 's1', { prev: 10, last: 12 }, false, 'appended'],
  ['frames that are there', PLACE, 's1', { prev: 8, last: 10 }, false, 'repeat'],
  ['frames behind a hole', PLACE, 's1', { prev: 11, last: 12 }, false, 'lost-chain'],
  ['frames that straddle the position', PLACE, 's1', { prev: 9, last: 12 }, false, 'lost-chain'],
  ['of another session', PLACE, 's9', { prev: 10, last: 12 }, false, 'session'],
  ['of a session that ended', { ...PLACE, session: '' }, 's1', { prev: 10, last: 12 }, false, 'session'],
  ['nothing is there', undefined, 's1', { prev: 10, last: 12 }, false, 'lost-state'],
  ['the place was condemned', NOTHING, 's1', { prev: 10, last: 12 }, false, 'lost-state'],
  ['the state is of another run', { ...PLACE, run: 'older' }, 's1', { prev: 10, last: 12 }, false, 'lost-state'],
  ['the buffer is full', PLACE, 's1', { prev: 10, last: 12 }, true, 'full'],
  ['repeats, and the buffer is full', PLACE, 's1', { prev: 8, last: 10 }, true, 'repeat'],
];
for (const [name, state, session, frames, isFull, expected] of APPENDS) {
  test(`append, ${name}: ${expected}`, () => {
    const answer = appendFrames(state, 'run', session, { ...frames, writer: 'w' }, isFull);
    assert.is(answer.outcome, expected);
    if (expected === 'appended') assert.equal(answer.state, { ...PLACE, position: 12, published: 12, writer: 'w' });
    else assert.is(answer.state, state);
  });
}

test('see: a place of this run has no tag; anything else has one, and a seed is planted once', () => {
  assert.equal(seePlace(PLACE, 'run', 'x'), { tag: undefined, state: PLACE });
  assert.equal(seePlace(PLACE, 'newer', 'x'), { tag: TAG, state: PLACE });
  const planted = seePlace(NOTHING, 'run', 'x');
  assert.is(planted.tag, '||x');
  assert.is(seePlace(planted.state, 'run', 'y').tag, '||x', 'all who find the seed share it');
  assert.is(seePlace(undefined, 'run', 'x').tag, '||x');
});

test('condemn: only the place that was judged, and what was shown stays known', () => {
  assert.equal(condemnPlace(PLACE, 'run', 'g1'), { outcome: 'condemned', state: { ...NOTHING, published: 10 } });
  for (const [run, generation] of [
    ['run', 'g2'],
    ['newer', 'g1'],
  ] as const)
    assert.equal(condemnPlace(PLACE, run, generation), { outcome: 'kept', state: PLACE });
  assert.is(condemnPlace(undefined, 'run', 'g1').outcome, 'kept');
});

test('trim: an entry of another generation goes only where there is a place', () => {
  assert.ok(mayTrimForeign(PLACE, 'g0'));
  assert.not.ok(mayTrimForeign(PLACE, 'g1'));
  assert.not.ok(mayTrimForeign(NOTHING, 'g0'));
  assert.not.ok(mayTrimForeign(undefined, 'g0'));
});
