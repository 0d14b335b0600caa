import { Client } from 'pg';
import * as assert from 'uvu/assert';
import { StalledLeaderDetector } from '../../src/flush/stalled-leader-detector.ts';
import { suite } from '../support/suite.ts';

const test = suite('stalled leader detector');
const KEY = [1, 2] as const;
const SAMPLE = {
  pid: 7,
  backend_start: 'b',
  xact_start: 'x',
  state_change: 's',
  wait_event_type: 'Client',
  bytes_processed: '1024',
};
type Sample = { readonly [Field in keyof typeof SAMPLE]: (typeof SAMPLE)[Field] | null };

/** A standby's client that finds the leader as given. @param isSpared the leader moved between sample and end */
function standby(isSpared = false) {
  const terminated: unknown[][] = [];
  const state: { sample: Sample | undefined } = { sample: SAMPLE };
  const client = Object.assign(new Client(), {
    query: (text: string, values: unknown[]) => {
      if (!text.includes('pg_terminate_backend'))
        return Promise.resolve({ rows: state.sample === undefined ? [] : [state.sample] });
      terminated.push(values);
      return Promise.resolve({ rows: isSpared ? [] : [{ ended: true }] });
    },
  });
  return { client, state, terminated, detector: new StalledLeaderDetector(KEY) };
}

test('a leader that waits for its client is ended after three seconds without a move, not before', async () => {
  const { client, terminated, detector } = standby();
  for (const nowMs of [0, 500, 2_999]) assert.is(await detector.check(client, nowMs), false);
  assert.equal(terminated, []);
  assert.is(await detector.check(client, 3_000), true);
  assert.equal(terminated, [[...KEY, 7, 'b', 'x', 's', '1024']], 'exactly as it was sampled');
});

const MOVES: ReadonlyArray<readonly [what: string, sample: Partial<Sample>]> = [
  ['its COPY', { bytes_processed: '2048' }],
  ['its state', { state_change: 's2' }],
  ['its transaction', { xact_start: null }],
  ['its process', { pid: 8 }],
  ['its backend', { backend_start: 'b2' }],
];
for (const [what, move] of MOVES) {
  test(`a leader is spared where ${what} has moved`, async () => {
    const { client, state, terminated, detector } = standby();
    await detector.check(client, 0);
    state.sample = { ...SAMPLE, ...move };
    assert.is(await detector.check(client, 2_900), false);
    assert.is(await detector.check(client, 5_800), false, 'counted from the move');
    assert.equal(terminated, []);
    assert.is(await detector.check(client, 5_900), true);
  });
}

test('one that waits for a lock, for IO or for a replica is never ended', async () => {
  for (const wait of ['Lock', 'IO', 'IPC', null]) {
    const { client, state, terminated, detector } = standby();
    state.sample = { ...SAMPLE, wait_event_type: wait };
    for (const nowMs of [0, 10_000, 20_000]) assert.is(await detector.check(client, nowMs), false);
    assert.equal(terminated, []);
  }
});

test('waiting for its client is counted from its first such sample', async () => {
  const { client, state, detector } = standby();
  state.sample = { ...SAMPLE, wait_event_type: 'IO' };
  await detector.check(client, 0);
  state.sample = SAMPLE;
  assert.is(await detector.check(client, 3_000), false);
  assert.is(await detector.check(client, 6_000), true);
});

test('no leader: there is nothing to end, and the next one is watched anew', async () => {
  const { client, state, detector } = standby();
  await detector.check(client, 0);
  state.sample = undefined;
  assert.is(await detector.check(client, 3_000), false);
  state.sample = SAMPLE;
  assert.is(await detector.check(client, 3_100), false);
});

test('one that moved before it could be ended is spared, and watched for three seconds more', async () => {
  const { client, terminated, detector } = standby(true);
  await detector.check(client, 0);
  assert.is(await detector.check(client, 3_000), false);
  assert.is(await detector.check(client, 5_999), false);
  assert.is(terminated.length, 1);
  await detector.check(client, 6_000);
  assert.is(terminated.length, 2);
});
