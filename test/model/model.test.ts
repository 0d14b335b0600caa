import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { MAX_STEPS, runSchedule, schedules, tellSchedule } from './schedule.ts';

/**
 * Random schedules of everything that may happen to feeds, gateways, Redis, coordinators and the database, on the
 * production's own rules. A failure prints what happened, and two variables that bring it back:
 * TICKGATE_MODEL_SEED=… TICKGATE_MODEL_PATH=… node --import tsx test/support/run-tests.ts --no-stack test/model/model.test.ts
 */
const RUNS = Number(process.env['TICKGATE_MODEL_RUNS'] ?? 100_000);
const SEED = Number(process.env['TICKGATE_MODEL_SEED'] ?? Date.now() % 2 ** 31);
const PATH = process.env['TICKGATE_MODEL_PATH'];

const test = suite('model', { timeoutMs: 600_000 });

test(`the contract holds in ${RUNS} schedules`, () => {
  const startMs = performance.now();
  let steps = 0;
  const run = fc.check(
    fc.property(schedules(MAX_STEPS), (schedule) => {
      steps += schedule.length;
      runSchedule(schedule);
    }),
    { numRuns: RUNS, seed: SEED, ...(PATH === undefined ? {} : { path: PATH }) },
  );
  if (run.failed) {
    const [schedule = []] = run.counterexample ?? [];
    assert.unreachable(
      `TICKGATE_MODEL_SEED=${run.seed} TICKGATE_MODEL_PATH=${run.counterexamplePath}\n${tellSchedule(schedule)}\n${String(run.errorInstance instanceof Error ? run.errorInstance.stack : '')}`,
    );
  }
  const seconds = (performance.now() - startMs) / 1_000;
  process.stdout.write(
    `${run.numRuns} schedules of ${(steps / run.numRuns).toFixed(1)} steps, seed ${run.seed}, ${seconds.toFixed(1)} s\n`,
  );
});
