import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { OwnFault } from './fault.ts';
import type { OwnStage, Part } from './own-stage.ts';
import { until } from './stage.ts';
import { atPoint, type WirePoint } from './wire-points.ts';

/** Kills the leading coordinator at a point of its flush, and starts it again. */
async function killLeaderAt(
  stage: OwnStage,
  link: 'redisLink' | 'postgresLink',
  point: WirePoint,
  fate: 'pass' | 'drop',
) {
  const leader = await stage.leader();
  await atPoint(leader[link], point, () => {
    leader.process.killNow();
    return fate;
  });
  await leader.process.kill();
  await leader.process.start();
}

/** Stops the leading coordinator at a point until another one leads and has flushed, then lets it go on. */
async function pauseLeaderAt(stage: OwnStage, point: WirePoint): Promise<void> {
  const leader = await stage.leader();
  await atPoint(leader.postgresLink, point, () => {
    leader.process.pause();
    return 'pass';
  });
  try {
    await until('another coordinator leads', 30_000, async () => (await stage.leader()) !== leader);
    // Asked for only now: what was sent before may be stored by the flush that stands still, and told by a gateway.
    await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
    assert.is.not(await stage.leader(), leader);
  } finally {
    leader.process.resume();
  }
}

/** Kills whichever gateway reaches the point first, and starts it again. */
async function killGatewayAt({ gateways }: OwnStage, point: WirePoint): Promise<void> {
  let hit: Part | undefined;
  const over = new AbortController();
  const kill = (gateway: Part): 'pass' | 'drop' => {
    if (hit !== undefined) return 'pass';
    hit = gateway;
    gateway.process.killNow();
    return 'drop';
  };
  await Promise.any(
    gateways.map((gateway) => atPoint(gateway.redisLink, point, () => kill(gateway), over.signal)),
  ).finally(() => over.abort());
  await hit?.process.kill();
  await hit?.process.start();
}

/** Gateways and coordinators that die, stand still and come back. */
export const PROCESS_FAULTS: readonly OwnFault[] = [
  {
    name: 'a gateway is killed when it has read frames and not yet buffered them',
    where: 'gateway, before the append script',
    hurts: ['gateways'],
    needs: 'own stage',
    inject: (stage) => killGatewayAt(stage, 'append'),
  },
  {
    name: 'a gateway is killed when frames are buffered and not yet acknowledged',
    where: 'gateway, after the append script',
    hurts: ['gateways'],
    needs: 'own stage',
    inject: (stage) => killGatewayAt(stage, 'answer to an append'),
  },
  {
    name: 'gateways are killed again and again',
    where: 'gateway, at any point',
    hurts: ['gateways'],
    weight: 3,
    needs: 'own stage',
    inject: async ({ gateways }, { holdMs, random }) => {
      for (const { process } of gateways) {
        await process.kill();
        await process.start();
        await sleep(random.fraction() * holdMs);
      }
    },
  },
  {
    name: 'a gateway stands still while its feeds go to the other one, and goes on later',
    where: 'gateway, SIGSTOP',
    checked: 'what it still held of them is refused',
    hurts: ['gateways', 'feed-link'],
    needs: 'own stage',
    inject: async ({ gateways, feedLink }, { holdMs, random }) => {
      const gateway = gateways[Math.floor(random.fraction() * gateways.length)];
      gateway?.process.pause();
      feedLink.reset();
      await sleep(holdMs * 2);
      gateway?.process.resume();
    },
  },
  {
    name: 'a coordinator is killed between reading and COPY',
    where: 'coordinator, at BEGIN',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => killLeaderAt(stage, 'postgresLink', 'BEGIN of a flush', 'drop'),
  },
  {
    name: 'a coordinator is killed in the middle of COPY',
    where: 'coordinator, COPY data sent, its end not',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: async (stage) => {
      const leader = await stage.leader();
      await atPoint(leader.postgresLink, 'COPY data of a flush', () => {
        // Half of it has left, the other half never leaves.
        leader.postgresLink.shape('up', { bytesPerSecond: 40_000 });
        setTimeout(() => leader.process.killNow(), 100);
        return 'pass';
      });
      await sleep(200);
      leader.postgresLink.heal();
      await leader.process.kill();
      await leader.process.start();
    },
  },
  {
    name: 'a coordinator is killed between COPY and COMMIT',
    where: 'coordinator, COMMIT never leaves',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => killLeaderAt(stage, 'postgresLink', 'COMMIT of a flush', 'drop'),
  },
  {
    name: 'a coordinator is killed between COMMIT and the notice',
    where: 'coordinator, COMMIT has left',
    checked: 'the feeds are told all the same',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => killLeaderAt(stage, 'postgresLink', 'COMMIT of a flush', 'pass'),
  },
  {
    name: 'a coordinator is killed between the notice and trimming',
    where: 'coordinator, notice has left',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => killLeaderAt(stage, 'redisLink', 'flush notice', 'pass'),
  },
  {
    name: 'a coordinator stands still in the middle of COPY, another takes over, the first goes on',
    where: 'coordinator, SIGSTOP at COPY data',
    checked: 'the other one leads and flushes before the first goes on',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => pauseLeaderAt(stage, 'COPY data of a flush'),
  },
  {
    name: 'a coordinator stands still between COMMIT and the notice, another takes over, the first goes on',
    where: 'coordinator, SIGSTOP at the answer to COMMIT',
    checked: 'the feeds are told without it',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => pauseLeaderAt(stage, 'answer to COMMIT'),
  },
  {
    name: 'both coordinators start at the same moment',
    where: 'coordinator, election',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: async ({ coordinators }) => {
      await Promise.all(coordinators.map(({ process }) => process.kill()));
      await Promise.all(coordinators.map(({ process }) => process.start()));
    },
  },
  {
    name: 'the clocks of a gateway and a coordinator are an hour off, one ahead, one behind',
    where: 'gateway and coordinator, clock',
    hurts: ['gateways', 'coordinators'],
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      const shifted = (hours: number): Record<string, string> => ({
        NODE_OPTIONS: `--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()+${hours}*3600000`,
      });
      const leader = await stage.leader();
      const gateway = stage.gateways[0];
      const restart = async (hours: number): Promise<void> => {
        await Promise.all([leader.process.kill(), gateway?.process.kill()]);
        const env = (sign: number): Record<string, string> => (hours === 0 ? {} : shifted(sign * hours));
        await Promise.all([leader.process.start(env(1)), gateway?.process.start(env(-1))]);
      };
      await restart(1);
      await sleep(holdMs);
      await restart(0);
    },
  },
  {
    name: 'gateways and coordinators are restarted one after the other, in order',
    where: 'gateway and coordinator, SIGTERM',
    hurts: ['gateways', 'coordinators'],
    needs: 'own stage',
    inject: async ({ parts }) => {
      for (const { process } of parts) {
        await process.stop();
        await process.start();
      }
    },
  },
  {
    name: 'everything is killed at once and started in random order',
    where: 'feeds, gateways, coordinators, Redis, PostgreSQL',
    hurts: ['feeds', 'gateways', 'coordinators', 'redis', 'postgres'],
    needs: 'own stage',
    inject: async (stage, { random }) => {
      const all = [...stage.parts, ...stage.fleet.members].map(({ process }) => process);
      await Promise.all([...all, stage.redis, stage.postgres].map((each) => each.kill()));
      await Promise.all(
        [...all, stage.redis, stage.postgres].map(async (each) => {
          await sleep(random.fraction() * 1_500);
          await each.start();
        }),
      );
    },
  },
];
