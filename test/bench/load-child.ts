import { pathToFileURL } from 'node:url';
import type * as RunLoadModule from '../../clients/load/run-load.ts';
import type { LoadPlan } from '../../clients/load/load-plan.ts';

/** A process that runs the load test it is sent, as `tickgate load` does. */
const [modulePath = ''] = process.argv.slice(2);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same module, from the sources or compiled
const { runLoad } = (await import(pathToFileURL(modulePath).href)) as typeof RunLoadModule;

process.on('message', (plan) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- load-process.ts of one checkout sends it
  runLoad(plan as LoadPlan).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.send?.('ready');
