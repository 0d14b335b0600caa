import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { OwnFault, ServiceFault } from './fault.ts';
import type { OwnStage, Part } from './own-stage.ts';
import { until } from './stage.ts';
import type { Shape, TcpProxy } from './tcp-proxy.ts';
import { atPoint } from './wire-points.ts';

const RESETS = 20;

async function shaped(links: readonly TcpProxy[], up: Shape, down: Shape, holdMs: number): Promise<void> {
  for (const link of links) {
    link.shape('up', up);
    link.shape('down', down);
  }
  await sleep(holdMs);
  for (const link of links) link.heal();
}

/** Between feeds and gateways; the proxy stands before any gateway, an operator's own too. */
export const FEED_LINK_FAULTS: readonly ServiceFault[] = [
  {
    name: 'connections of feeds are reset at random bytes, again and again',
    where: 'feed–gateway, RST',
    hurts: ['feed-link'],
    weight: 2,
    needs: 'services',
    inject: async ({ feedLink }, { random }) => {
      for (let n = 0; n < RESETS; n++) {
        await sleep(random.fraction() * 60);
        for (const connection of feedLink.connections) if (random.fraction() < 0.5) connection.reset();
      }
    },
  },
  {
    name: 'the path from feeds to gateways is dead, and nobody is told',
    where: 'feed–gateway, half open',
    hurts: ['feed-link'],
    needs: 'services',
    inject: async ({ feedLink }, { holdMs }) => {
      feedLink.blackHole();
      await sleep(holdMs * 3);
      // The path is back, and the far side knows nothing of these connections.
      for (const connection of feedLink.connections) if (connection.isDead) connection.reset();
    },
  },
  {
    name: 'feeds end their side of the connection and go on reading',
    where: 'feed–gateway, half close',
    hurts: ['feed-link'],
    needs: 'services',
    inject: async ({ feedLink }) => {
      const before = [...feedLink.connections];
      feedLink.halfClose();
      await until('the gateways close what was half closed', 20_000, () =>
        before.every((connection) => !feedLink.connections.has(connection)),
      );
    },
  },
  {
    name: 'frames of feeds arrive byte by byte',
    where: 'feed–gateway, segments of 1 byte',
    hurts: ['feed-link'],
    needs: 'services',
    inject: ({ feedLink }, { holdMs }) => shaped([feedLink], { sliceBytes: 1 }, { sliceBytes: 1 }, holdMs),
  },
  {
    name: 'acknowledgements trickle, 300 bytes a second',
    where: 'feed–gateway, throttled downwards',
    hurts: ['feed-link'],
    needs: 'services',
    inject: ({ feedLink }, { holdMs }) => shaped([feedLink], {}, { bytesPerSecond: 300 }, holdMs * 2),
  },
  {
    name: 'frames of feeds trickle, 10 KB a second',
    where: 'feed–gateway, throttled upwards',
    hurts: ['feed-link'],
    needs: 'services',
    inject: ({ feedLink }, { holdMs }) => shaped([feedLink], { bytesPerSecond: 10_000 }, {}, holdMs * 2),
  },
];

/** The path is dead for good: only what notices by itself gets a new connection. */
async function dead(parts: readonly Part[], link: 'redisLink' | 'postgresLink', stage: OwnStage): Promise<void> {
  for (const part of parts) part[link].blackHole();
  await stage.fleet.whenCommitted(stage.fleet.sent(), 40_000);
}

/** Between gateways, coordinators and the two services. */
export const SERVICE_LINK_FAULTS: readonly OwnFault[] = [
  {
    name: 'connections of gateways to Redis are reset at random bytes, again and again',
    where: 'gateway–Redis, RST',
    hurts: ['gateways'],
    needs: 'own stage',
    inject: async ({ gateways }, { random }) => {
      for (let n = 0; n < RESETS; n++) {
        await sleep(random.fraction() * 100);
        for (const { redisLink } of gateways)
          for (const connection of redisLink.connections) if (random.fraction() < 0.3) connection.reset();
      }
    },
  },
  {
    name: 'the path from gateways to Redis is dead for good',
    where: 'gateway–Redis, half open',
    checked: 'they notice by themselves',
    hurts: ['gateways'],
    needs: 'own stage',
    inject: (stage) => dead(stage.gateways, 'redisLink', stage),
  },
  {
    name: 'the path from coordinators to Redis is dead for good',
    where: 'coordinator–Redis, half open',
    checked: 'they notice by themselves',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => dead(stage.coordinators, 'redisLink', stage),
  },
  {
    name: 'the path from gateways to PostgreSQL is dead for good, and feed states have to be renewed',
    where: 'gateway–PostgreSQL, half open',
    checked: 'they notice by themselves',
    hurts: ['gateways', 'feed-link'],
    needs: 'own stage',
    inject: async (stage) => {
      for (const { postgresLink } of stage.gateways) postgresLink.blackHole();
      stage.feedLink.reset();
      await stage.fleet.whenCommitted(stage.fleet.sent(), 40_000);
    },
  },
  {
    name: 'the path from coordinators to PostgreSQL is dead for good',
    where: 'coordinator–PostgreSQL, half open',
    checked: 'they notice by themselves',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: (stage) => dead(stage.coordinators, 'postgresLink', stage),
  },
  {
    name: 'Redis answers byte by byte',
    where: 'gateway–Redis and coordinator–Redis, segments of 1 byte',
    hurts: ['gateways', 'coordinators'],
    needs: 'own stage',
    inject: ({ parts }, { holdMs }) =>
      shaped(
        parts.map((part) => part.redisLink),
        {},
        { sliceBytes: 1 },
        holdMs,
      ),
  },
  {
    name: 'the connection is cut right after COMMIT has left',
    where: 'coordinator–PostgreSQL, in doubt: committed',
    checked: 'the flush is not repeated',
    hurts: ['coordinators'],
    weight: 2,
    needs: 'own stage',
    inject: async (stage) => {
      const leader = await stage.leader();
      await atPoint(leader.postgresLink, 'COMMIT of a flush', (connection) => {
        // The bytes go on to the server; its answer finds nobody.
        setImmediate(() => connection.cutClient());
        return 'pass';
      });
    },
  },
  {
    name: 'the connection is cut right before COMMIT arrives',
    where: 'coordinator–PostgreSQL, in doubt: rolled back',
    checked: 'the flush is repeated',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: async (stage) => {
      const leader = await stage.leader();
      await atPoint(leader.postgresLink, 'COMMIT of a flush', (connection) => {
        setImmediate(() => connection.reset());
        return 'drop';
      });
    },
  },
  {
    name: 'PostgreSQL refuses connections for a while',
    where: 'gateway–PostgreSQL and coordinator–PostgreSQL, RST',
    checked: 'feeds that reconnect meanwhile are opened all the same',
    hurts: ['gateways', 'coordinators', 'feed-link'],
    needs: 'own stage',
    inject: async (stage, { holdMs }) => {
      const links = stage.parts.map((part) => part.postgresLink);
      for (const link of links) {
        link.refuses = true;
        link.reset();
      }
      await sleep(holdMs);
      const before = stage.fleet.sent();
      stage.feedLink.reset();
      await sleep(holdMs * 3);
      assert.ok([...stage.fleet.sent()].every(([feed, seq]) => seq > (before.get(feed) ?? 0)));
      for (const link of links) link.heal();
    },
  },
  {
    name: 'PostgreSQL answers slowly, half a second a commit',
    where: 'coordinator–PostgreSQL, throttled downwards',
    hurts: ['coordinators'],
    needs: 'own stage',
    inject: ({ coordinators }, { holdMs }) =>
      shaped(
        coordinators.map((part) => part.postgresLink),
        {},
        { bytesPerSecond: 300 },
        holdMs * 4,
      ),
  },
];
