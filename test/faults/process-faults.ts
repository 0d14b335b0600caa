import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

/** Gateways, coordinators and feeds that die, stand still and come back. */
export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'a gateway is killed again and again',
    where: 'gateway, at any point',
    hurts: ['gateways'],
    needs: 'own stage',
    inject: async ({ gateways }, { holdMs }) => {
      for (const { process } of gateways) {
        await process.kill();
        await process.start();
        await sleep(holdMs / 2);
      }
    },
  },
  {
    name: 'a gateway stands still while its feeds go to the other one, and goes on later',
    where: 'gateway, SIGSTOP',
    hurts: ['gateways'],
    needs: 'own stage',
    inject: async ({ gateways, feedLink }, { holdMs }) => {
      const gateway = gateways[0];
      gateway?.process.pause();
      feedLink.reset();
      await sleep(holdMs * 2);
      gateway?.process.resume();
    },
  },
  {
    name: 'the leading coordinator is killed',
    where: 'coordinator, at any point',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: async (stage) => {
      const { process } = await stage.leader();
      await process.kill();
      await process.start();
    },
  },
  {
    name: 'a feed is killed and goes on from its journal',
    where: 'feed, at any point',
    hurts: ['feeds'],
    needs: 'services',
    inject: async ({ fleet }) => {
      await fleet.restart(0);
    },
  },
];
