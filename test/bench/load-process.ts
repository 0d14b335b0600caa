import type { LoadPlan } from '../../clients/load/load-plan.ts';
import type { LoadResult } from '../../clients/load/load-result.ts';
import { AskedProcess } from './asked-process.ts';
import type { BenchContext } from './bench-context.ts';
import { moduleOf } from './measured-code.ts';

/** What most load tests of a bench have in common. */
export const USUAL_LOAD: Omit<LoadPlan, 'url' | 'rate' | 'durationMs'> = {
  token: undefined,
  feeds: 1,
  frameTicks: 50,
  symbols: 250,
  subscribers: 0,
  subscribe: '*',
  mode: 'all',
  codec: 'msgpack',
  warmUpMs: 2_000,
  settleMs: 30_000,
  until: 'committed',
};

/** Runs the project's own load test in a process of its own. @throws {Error} when it could not run */
export async function runLoadProcess(context: BenchContext, plan: LoadPlan): Promise<LoadResult> {
  const module = moduleOf(context.code, 'clients/load/run-load');
  await using child = await AskedProcess.start('load-child.ts', [module], {});
  const answer: unknown = await child.ask(plan);
  if (typeof answer === 'object' && answer !== null && 'result' in answer) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- load-child.ts of one checkout sends it
    return answer.result as LoadResult;
  }
  throw new Error('the load test gave no result');
}
