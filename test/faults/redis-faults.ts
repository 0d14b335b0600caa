import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { startRedisServer } from '../support/start-private-server.ts';
import type { OwnFault, ServiceFault } from './fault.ts';
import type { OwnStage } from './own-stage.ts';
import { copyData, cutAppendOnlyFile, restart } from './server-copies.ts';
import { until, withRedis } from './stage.ts';
import { atPoint } from './wire-points.ts';

const HOUR_MS = 3_600_000;

/** Makes the feeds idle with frames that are buffered and not committed, does something to Redis, and lets go. */
async function whileIdleWithBuffered(stage: OwnStage, harm: (stage: OwnStage) => Promise<void>): Promise<void> {
  const processes = stage.coordinators.map((part) => part.process);
  for (const process of processes) process.pause();
  await sleep(300);
  stage.fleet.generate(false);
  await sleep(300);
  await harm(stage);
  for (const process of processes) process.resume();
  // Nothing new comes: the feeds have to learn of it without sending anything.
  await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
  stage.fleet.generate(true);
}

/** Redis emptied, or parts of it; for these a connection to Redis is all that is needed. */
export const REDIS_DATA_FAULTS: readonly ServiceFault[] = [
  {
    name: 'FLUSHALL under load',
    where: 'Redis',
    hurts: ['redis'],
    weight: 2,
    needs: 'services',
    inject: (stage) => withRedis(stage, async (redis) => void (await redis.flushall())),
  },
  {
    name: 'entries are lost from the middle of the stream',
    where: 'Redis, XTRIM',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage) => withRedis(stage, async (redis) => void (await redis.xtrim(stage.keys.stream, 'MAXLEN', 2))),
  },
  {
    name: 'one feed loses its state, the stream stays',
    where: 'Redis, DEL of a state',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage) =>
      withRedis(stage, async (redis) => void (await redis.del(stage.keys.state(stage.fleet.feeds[0] ?? '')))),
  },
  {
    name: 'a stranger’s entry with an id an hour ahead',
    where: 'Redis, XADD',
    checked: 'nothing stalls',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage) =>
      withRedis(stage, async (redis) => {
        await redis.xadd(stage.keys.stream, `${Date.now() + HOUR_MS}-0`, 'f', 'stranger', 'g', 'x', 't', '1', 'd', 'x');
      }),
  },
  {
    name: 'CLIENT KILL of normal connections in a loop',
    where: 'Redis',
    hurts: ['redis'],
    weight: 2,
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withRedis(stage, async (redis) => {
        for (const untilMs = Date.now() + holdMs; Date.now() < untilMs; await sleep(50))
          await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      }),
  },
  {
    name: 'CLIENT KILL of pubsub connections in a loop',
    where: 'Redis',
    checked: 'acknowledgements come all the same',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withRedis(stage, async (redis) => {
        for (const untilMs = Date.now() + holdMs * 2; Date.now() < untilMs; await sleep(20))
          await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      }),
  },
  {
    name: 'SCRIPT FLUSH in a loop',
    where: 'Redis',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withRedis(stage, async (redis) => {
        for (const untilMs = Date.now() + holdMs; Date.now() < untilMs; await sleep(10)) await redis.script('FLUSH');
      }),
  },
  {
    name: 'maxmemory is reached',
    where: 'Redis, OOM',
    checked: 'feeds wait, and nothing is told accepted meanwhile',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withRedis(stage, async (redis) => {
        await redis.config('SET', 'maxmemory', '1mb');
        await sleep(holdMs);
        await redis.config('SET', 'maxmemory', '0');
      }),
  },
  {
    name: 'the policy is switched to allkeys-lru and keys are evicted',
    where: 'Redis',
    hurts: ['redis'],
    needs: 'services',
    inject: (stage, { holdMs }) =>
      withRedis(stage, async (redis) => {
        await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
        await redis.config('SET', 'maxmemory', '1mb');
        await sleep(holdMs);
        await redis.config('SET', 'maxmemory', '0');
        await redis.config('SET', 'maxmemory-policy', 'noeviction');
      }),
  },
];

/** Redis killed, stopped, replaced. */
export const REDIS_SERVER_FAULTS: readonly OwnFault[] = [
  {
    name: 'the stream is deleted and the states kept, with the feeds idle afterwards',
    where: 'Redis',
    checked: 'the feeds learn of it without sending',
    hurts: ['redis', 'feeds', 'coordinators'],
    weight: 0.2,
    needs: 'own stage',
    inject: (stage) =>
      whileIdleWithBuffered(stage, (the) =>
        withRedis(the, async (redis) => {
          assert.ok((await redis.xlen(the.keys.stream)) > 0);
          await redis.del(the.keys.stream);
        }),
      ),
  },
  {
    name: 'the states are deleted and the stream kept, with the feeds idle afterwards',
    where: 'Redis',
    checked: 'the feeds learn of it without sending',
    hurts: ['redis', 'feeds', 'coordinators'],
    weight: 0.2,
    needs: 'own stage',
    inject: (stage) =>
      whileIdleWithBuffered(stage, (the) =>
        withRedis(the, async (redis) => void (await redis.del(...the.fleet.feeds.map((feed) => the.keys.state(feed))))),
      ),
  },
  {
    name: 'a coordinator stands still between COMMIT and trim while Redis is wiped and filled again',
    where: 'coordinator and Redis',
    checked: 'what it trims when it goes on is not of the new stream',
    hurts: ['redis', 'coordinators'],
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      const leader = await stage.leader();
      await atPoint(leader.postgresLink, 'answer to COMMIT', () => {
        leader.process.pause();
        return 'pass';
      });
      await withRedis(stage, (redis) => redis.flushall());
      await sleep(holdMs);
      leader.process.resume();
    },
  },
  {
    name: 'Redis is killed and started again',
    where: 'Redis, SIGKILL',
    hurts: ['redis'],
    weight: 2,
    needs: 'own stage',
    inject: async ({ redis }) => {
      await redis.kill();
      await redis.start();
    },
  },
  {
    name: 'Redis is killed and the end of its append-only file cut off',
    where: 'Redis, SIGKILL, up to 4 KB lost',
    hurts: ['redis'],
    weight: 2,
    needs: 'own stage',
    inject: async ({ redis }, { random }) => {
      await redis.kill();
      await cutAppendOnlyFile(redis, 1 + Math.floor(random.fraction() * 4_096));
      await redis.start();
    },
  },
  {
    name: 'Redis starts with an empty folder',
    where: 'Redis',
    hurts: ['redis'],
    needs: 'own stage',
    inject: ({ redis }) => restart(redis, undefined),
  },
  {
    name: 'Redis starts from an old copy',
    where: 'Redis, restored',
    hurts: ['redis'],
    weight: 2,
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      const copy = await copyData(stage, stage.redis, 'old-redis');
      await sleep(holdMs * 2);
      await restart(stage.redis, copy);
    },
  },
  {
    name: 'Redis stands still',
    where: 'Redis, SIGSTOP',
    checked: 'nothing is told accepted meanwhile',
    hurts: ['redis'],
    needs: 'own stage',
    inject: async ({ redis }, { holdMs }) => {
      redis.signal('SIGSTOP');
      await sleep(holdMs * 3);
      redis.signal('SIGCONT');
    },
  },
  {
    name: 'a replica that lags behind is promoted, and later the old server comes back empty',
    where: 'Redis, failover',
    hurts: ['redis'],
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      await using replica = await startRedisServer({ config: { replicaof: `127.0.0.1 ${stage.redis.port}` } });
      const at = { redisUrl: `redis://127.0.0.1:${replica.port}/0` };
      await until('the replica has caught up', 20_000, () =>
        withRedis(at, async (redis) => /master_link_status:up/.test(await redis.info('replication'))),
      );
      await withRedis(at, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
      await sleep(holdMs);
      await switchRedis(stage, replica.port, () => stage.redis.kill());
      await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
      await restart(stage.redis, undefined);
      await switchRedis(stage, stage.redis.port, () => replica.kill());
    },
  },
  {
    name: 'two Redis servers are swapped to and fro, each with the states it had',
    where: 'Redis, split brain',
    checked: 'a run that comes back is no state to go on from',
    hurts: ['redis'],
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      await using other = await startRedisServer();
      for (const port of [other.port, stage.redis.port, other.port, stage.redis.port]) {
        await switchRedis(stage, port, () => Promise.resolve());
        await sleep(holdMs);
      }
    },
  },
];

async function switchRedis(stage: OwnStage, port: number, harm: () => Promise<void>): Promise<void> {
  stage.redisPort = port;
  await harm();
  for (const { redisLink } of stage.parts) redisLink.reset();
}
