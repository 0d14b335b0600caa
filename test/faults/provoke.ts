import * as assert from 'uvu/assert';
import { Random } from '../../clients/simulator/random.ts';
import { privateServersUnavailable } from '../support/start-private-server.ts';
import { suite } from '../support/suite.ts';
import type { Fault, FaultTimes } from './fault.ts';
import { OwnStage, type OwnStageOptions } from './own-stage.ts';
import { until, withDatabase } from './stage.ts';
import { type AuditReport, auditBars, auditTables } from './table-audit.ts';

const SHORT_TIMES: FaultTimes = { holdMs: 700, random: Random.fromSeed('faults') };
const RECOVERY_LIMIT_MS = 60_000;
const FAULT_LIMIT_MS = 120_000;
/** Audited again below what the last audit found right, since that is where a late repeat would show. */
const AUDIT_OVERLAP_FRAMES = 200;

/** Does a fault to the stage, and checks what must hold after every one of them. */
export async function provoke(stage: OwnStage, fault: Fault, times: FaultTimes = SHORT_TIMES): Promise<void> {
  try {
    await fault.inject(stage, times);
  } catch (error) {
    await stage.mend();
    throw error;
  }
  await checkRecovery(stage);
}

/** Everything sent so far is committed soon, by itself, and everything that was seen meanwhile was right. */
export async function checkRecovery(stage: OwnStage): Promise<void> {
  const sent = stage.fleet.sent();
  await stage.fleet.whenCommitted(sent, RECOVERY_LIMIT_MS).catch((error: unknown) => {
    const violations = stage.checker.violations.splice(0).join('\n');
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${violations}\n${logTails(stage)}`);
  });
  await until('the database answers the checker', RECOVERY_LIMIT_MS, () =>
    stage.checker.sample().then(
      () => true,
      () => false,
    ),
  );
  const from = new Map([...sent].map(([feed, seq]) => [feed, Math.max(1, seq - AUDIT_OVERLAP_FRAMES)]));
  const report = await audit(stage, from);
  assert.equal([...stage.checker.violations.splice(0), ...report.wrong, ...stage.brokenLines()], [], logTails(stage));
}

/** At rest: no feed makes anything new, and everything sent is committed. Gaps are the caller's to judge. */
export async function checkAtRest(stage: OwnStage): Promise<AuditReport> {
  stage.fleet.generate(false);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const sent = stage.fleet.sent();
  await stage.fleet.whenCommitted(sent, RECOVERY_LIMIT_MS);
  const report = await audit(stage, new Map());
  const bars = await withDatabase(stage, (client) => auditBars(client, stage.prefix));
  const behind = report.feeds.filter(({ feed, committed }) => committed !== sent.get(feed));
  assert.equal(
    [...stage.checker.violations.splice(0), ...report.wrong, ...stage.brokenLines(), bars, behind],
    [undefined, []],
  );
  assert.is(report.feeds.length, stage.fleet.feeds.length);
  stage.fleet.generate(true);
  return report;
}

/** Registers every fault as a test of its own, back to back on one stage under load. */
export function testFaults(name: string, faults: readonly Fault[], options: OwnStageOptions = {}): void {
  const test = suite(name, {
    timeoutMs: FAULT_LIMIT_MS,
    hookTimeoutMs: FAULT_LIMIT_MS,
    skip: privateServersUnavailable(),
  });
  let stage: OwnStage | undefined;
  const present = (): OwnStage => {
    if (stage === undefined) throw new Error('the stage did not start');
    return stage;
  };
  test.before(async () => {
    stage = await OwnStage.start(options);
  });
  test.after(async () => {
    await stage?.[Symbol.asyncDispose]();
  });
  for (const fault of faults) test(fault.name, () => provoke(present(), fault));
  test('at rest after all of them: every tick is there once, none was told too early', async () => {
    const { checker } = present();
    const report = await checkAtRest(present());
    const gaps = report.feeds.reduce((sum, feed) => sum + feed.gapFrames, 0);
    assert.is(gaps, 0);
    assert.ok(report.feeds.every((feed) => feed.rows > 0 && feed.rejected > 0));
    assert.ok(checker.samples > faults.length && checker.comparisons > faults.length);
  });
}

function audit(stage: OwnStage, fromSeq: ReadonlyMap<string, number>): Promise<AuditReport> {
  const { prefix, fleet } = stage;
  return withDatabase(stage, (client) =>
    auditTables(client, { prefix, feeds: fleet.feeds, ticksAFrame: fleet.ticksAFrame, fromSeq }),
  );
}

function logTails(stage: OwnStage): string {
  return stage.parts.map(({ process }) => `--- ${process.name}\n${process.log().slice(-1_500)}`).join('\n');
}
