import * as assert from 'uvu/assert';
import {
  endAfterFailure,
  type ReconciledState,
  type SessionEnd,
  SessionRules,
} from '../../src/ingest/session-rules.ts';
import { suite } from '../support/suite.ts';

const test = suite('session rules');

const START = { session: 's', generation: 'g', accepted: 10, committed: 7 };

test('frames in order are appended; whatever comes again is told by where it lies', () => {
  const rules = new SessionRules(START);
  assert.is(rules.take(10, 11), 'append');
  assert.is(rules.take(11, 15), 'append');
  assert.is(rules.take(15, 16), 'append');
  rules.onAppended(15);
  assert.is(rules.take(10, 11), 'accepted');
  assert.is(rules.take(11, 15), 'accepted');
  assert.is(rules.take(15, 16), 'pending');
  assert.is(rules.take(16, 17), 'append', 'a repeat has moved nothing');
});

for (const [prev, seq, verdict, what] of [
  [11, 12, 'missing', 'begins above its opened'],
  [9, 10, 'reuse', 'begins below its opened'],
  [0, 1, 'reuse', 'has restarted its counter'],
  [9, 11, 'reuse', 'straddles its opened'],
  [10, 20, 'append', 'goes on with a gap declared'],
] as const)
  test(`a feed that ${what}: ${verdict}`, () => assert.is(new SessionRules(START).take(prev, seq), verdict));

test('a later frame across the newest one is numbered by somebody else', () => {
  const rules = new SessionRules(START);
  rules.take(10, 11);
  assert.is(rules.take(10, 12), 'reuse');
  assert.is(rules.take(5, 6), 'accepted');
});

test('a refused frame is the first one all the same', () => {
  const rules = new SessionRules(START);
  assert.is(rules.take(11, 12), 'missing');
  assert.is(rules.take(9, 10), 'accepted');
});

test('committed: of its own generation, only upwards, never above accepted, each once', () => {
  const rules = new SessionRules(START);
  assert.is(rules.takeCommitted(), undefined, 'what `opened` said is not told again');
  assert.not(rules.onCommitted('other', 9));
  assert.is(rules.takeCommitted(), undefined);
  assert.ok(rules.onCommitted('g', 9));
  assert.is(rules.takeCommitted(), 9);
  assert.is(rules.takeCommitted(), undefined);
  assert.not(rules.onCommitted('g', 8));
  assert.not(rules.onCommitted('g', 9));
  assert.ok(rules.onCommitted('g', 13));
  assert.is(rules.takeCommitted(), 10);
  rules.onAppended(12);
  assert.is(rules.takeCommitted(), 12);
  rules.onAppended(20);
  assert.is(rules.takeCommitted(), 13);
});

test('accepted never falls', () => {
  const rules = new SessionRules(START);
  rules.onAppended(9);
  assert.is(rules.accepted, 10);
});

const STATE: ReconciledState = { run: 'r', generation: 'g', position: 10, session: 's' };
const reopen = (reason: 'state_lost' | 'stale_generation' | 'chain_broken'): SessionEnd => ({ kind: 'reopen', reason });

for (const [name, state, end] of [
  ['as it was told', STATE, undefined],
  ['further on', { ...STATE, position: 99 }, undefined],
  ['behind what was told', { ...STATE, position: 9 }, reopen('chain_broken')],
  ['gone', undefined, reopen('state_lost')],
  ['of another run', { ...STATE, run: 'r2' }, reopen('state_lost')],
  ['of another generation', { ...STATE, generation: 'g2', session: 's2' }, reopen('stale_generation')],
  ['of another session', { ...STATE, session: 's2', position: 0 }, { kind: 'superseded' }],
  ['released', { ...STATE, session: '' }, { kind: 'superseded' }],
] as const satisfies ReadonlyArray<readonly [string, ReconciledState | undefined, SessionEnd | undefined]>) {
  test(`reconcile, a state ${name}: ${end === undefined ? 'goes on' : Object.values(end).join(' ')}`, () =>
    assert.equal(new SessionRules(START).reconcile(state, 'r', 10), end));
}

test('frames accepted after Redis was asked are not missed', () => {
  const rules = new SessionRules(START);
  rules.onAppended(50);
  assert.is(rules.reconcile(STATE, 'r', 10), undefined);
});

test('each failure of an append ends the session in its way', () => {
  const failures = ['lost-state', 'lost-chain', 'session', 'unanswered'] as const;
  assert.equal(failures.map(endAfterFailure), [
    reopen('state_lost'),
    reopen('chain_broken'),
    { kind: 'superseded' },
    { kind: 'reopen', reason: 'unanswered' },
  ]);
});
