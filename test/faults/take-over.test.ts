import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { privateServersUnavailable } from '../support/start-private-server.ts';
import { suite } from '../support/suite.ts';
import { OwnStage, type Part } from './own-stage.ts';
import { checkAtRest, checkRecovery } from './provoke.ts';
import { withDatabase } from './stage.ts';
import { atPoint } from './wire-points.ts';

const test = suite('take-over of a stalled coordinator', {
  timeoutMs: 120_000,
  hookTimeoutMs: 120_000,
  skip: privateServersUnavailable(),
});
const ENDED = 'ended the session of a coordinator that stood still';
const TAKE_OVER_LIMIT_MS = 5_000;
let stage: OwnStage;

test.before(async () => {
  stage = await OwnStage.start();
});
test.after(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Waits until a coordinator leads that is not `old`. @returns how long it took */
async function untilAnotherLeads(old: Part): Promise<number> {
  const fromMs = Date.now();
  for (;;) {
    if ((await stage.leader()) !== old) return Date.now() - fromMs;
    if (Date.now() - fromMs > 30_000) throw new Error('nobody took over');
    await sleep(50);
  }
}

/** How often any coordinator has ended another one's session. */
function takeOvers(): number {
  return stage.coordinators.reduce((sum, part) => sum + part.process.log().split(ENDED).length - 1, 0);
}

test('one stopped in the middle of COPY is replaced in under 5 s, and the reason is logged', async () => {
  const before = takeOvers();
  const leader = await stage.leader();
  await atPoint(leader.postgresLink, 'COPY data of a flush', () => {
    // Half of it has left, the other half never leaves.
    leader.postgresLink.shape('up', { bytesPerSecond: 20 });
    leader.process.pause();
    return 'pass';
  });
  const tookMs = await untilAnotherLeads(leader);
  assert.ok(tookMs < TAKE_OVER_LIMIT_MS, `took ${tookMs} ms`);
  assert.is(takeOvers(), before + 1);
  await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
  leader.postgresLink.heal();
  leader.process.resume();
  await sleep(1_000);
  await checkRecovery(stage);
});

test('one stopped while there is nothing to do is replaced in under 5 s', async () => {
  stage.fleet.generate(false);
  await sleep(300);
  await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
  const before = takeOvers();
  const leader = await stage.leader();
  leader.process.pause();
  const tookMs = await untilAnotherLeads(leader);
  leader.process.resume();
  stage.fleet.generate(true);
  assert.ok(tookMs < TAKE_OVER_LIMIT_MS, `took ${tookMs} ms`);
  assert.is(takeOvers(), before + 1);
  await checkRecovery(stage);
});

test('one that waits for a lock is left alone', async () => {
  const before = takeOvers();
  const leader = await stage.leader();
  await withDatabase(stage, async (client) => {
    await client.query('BEGIN');
    await client.query(`LOCK TABLE ${stage.prefix}_ticks IN ACCESS EXCLUSIVE MODE`);
    await sleep(4_500);
    await client.query('ROLLBACK');
  });
  assert.is(await stage.leader(), leader);
  assert.is(takeOvers(), before);
  await checkRecovery(stage);
});

test('one that makes slow progress, 50 KB a second, is left alone', async () => {
  const before = takeOvers();
  const leader = await stage.leader();
  leader.postgresLink.shape('up', { bytesPerSecond: 50_000 });
  const untilMs = Date.now() + 7_000;
  while (Date.now() < untilMs) {
    assert.is(await stage.leader(), leader);
    await sleep(250);
  }
  assert.is(takeOvers(), before);
  leader.postgresLink.heal();
  await checkRecovery(stage);
});

test('at rest every tick is there once', async () => {
  await checkAtRest(stage);
});
