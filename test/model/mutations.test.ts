import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { LAYERS, MUTATIONS } from './mutations.ts';
import { ContractBroken, type ModelRules } from './model-rules.ts';
import { MAX_STEPS, runSchedule, schedules } from './schedule.ts';

/** Schedules in which a broken rule must be found out, and which a whole one must pass. Fixed seeds: no luck. */
const MAX_RUNS = 200_000;
const WHOLE_RUNS = 5_000;
const SEED = 1;

const test = suite('model mutations', { timeoutMs: 300_000 });

function firstFailure(rules: ModelRules, runs: number): string | undefined {
  const run = fc.check(
    fc.property(schedules(MAX_STEPS), (schedule) => void runSchedule(schedule, rules)),
    { numRuns: runs, seed: SEED, endOnFailure: true },
  );
  if (!run.failed) return undefined;
  if (!(run.errorInstance instanceof ContractBroken)) throw run.errorInstance;
  return `after ${run.numRuns} schedules: ${run.errorInstance.message}`;
}

for (const { name, rules } of MUTATIONS) {
  test(`found out: ${name}`, () => {
    const failure = firstFailure(rules, MAX_RUNS);
    assert.ok(failure, `nothing went wrong in ${MAX_RUNS} schedules`);
    process.stdout.write(`${name}: ${failure}\n`);
  });
}

for (const { name, alone, without } of LAYERS) {
  test(`enough alone, and needed then: ${name}`, () => {
    assert.is(firstFailure(alone, WHOLE_RUNS), undefined);
    assert.ok(firstFailure(without, MAX_RUNS));
  });
}
