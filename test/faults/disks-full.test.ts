import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { privateServersUnavailable } from '../support/start-private-server.ts';
import type { PrivateServer } from '../support/private-server.ts';
import { suite } from '../support/suite.ts';
import { OwnStage } from './own-stage.ts';
import { checkAtRest, checkRecovery } from './provoke.ts';
import { copyData, restoreDatabase } from './server-copies.ts';

const test = suite('full disks, and a restore beyond what feeds keep', {
  timeoutMs: 120_000,
  hookTimeoutMs: 120_000,
  skip: privateServersUnavailable(),
});
const FULL_MS = 2_500;
let stage: OwnStage;

test.before(async () => {
  stage = await OwnStage.start({
    gateways: 1,
    coordinators: 1,
    // Nothing is kept once it is committed, neither by the feeds nor in the stream.
    graceMs: 0,
    graceFrames: 0,
    env: { RESUME_WINDOW_MS: '0' },
    redis: { tmpfsMb: 64 },
    postgres: { tmpfsMb: 400, settings: { max_wal_size: '64MB', min_wal_size: '32MB', wal_recycle: 'off' } },
  });
});
test.after(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Fills the server's file system to the last block, and makes room again. */
async function whileFull(server: PrivateServer, work: () => Promise<void>): Promise<void> {
  const filler = join(server.dataDir, 'filler');
  const { bavail, bsize } = await statfs(server.dataDir);
  await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => undefined);
  await writeFile(`${filler}.rest`, Buffer.alloc(1_048_576)).catch(() => undefined);
  try {
    await work();
  } finally {
    await rm(filler);
    await rm(`${filler}.rest`, { force: true });
  }
}

test('the disk of Redis is full: feeds wait, and go on when there is room', async () => {
  await whileFull(stage.redis, () => sleep(FULL_MS));
  // Redis ends itself when it cannot write its append-only file; a supervisor would start it again.
  await stage.redis.start();
  await checkRecovery(stage);
});

test('the disk of PostgreSQL is full: flushing waits, and goes on when there is room', async () => {
  await whileFull(stage.postgres, () => sleep(FULL_MS));
  // It ends itself when the write-ahead log has no room.
  await stage.postgres.start();
  await checkRecovery(stage);
});

test('the database is restored from an older copy than the feeds still keep: what lacks is declared', async () => {
  const before = await checkAtRest(stage);
  assert.is(
    before.feeds.reduce((sum, feed) => sum + feed.gapFrames, 0),
    0,
  );
  const copy = await copyData(stage, stage.postgres, 'old-postgres');
  await sleep(1_500);
  await stage.fleet.whenCommitted(stage.fleet.sent(), 30_000);
  await restoreDatabase(stage, copy);
  await checkRecovery(stage);
  const after = await checkAtRest(stage);
  assert.equal(
    after.feeds.filter((feed) => feed.gapFrames === 0),
    [],
  );
});
