import { mkdir, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../src/stack/run-command.ts';
import type { PrivateServer } from '../support/private-server.ts';
import type { OwnStage } from './own-stage.ts';

/** A copy of a running server's data as one moment has it: all its processes stand still while it is made. */
export async function copyData(stage: OwnStage, server: PrivateServer, name: string): Promise<string> {
  const target = join(stage.folder, name);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  server.signal('SIGSTOP');
  try {
    const copied = await runCommand('cp', ['--archive', '--reflink=auto', `${server.dataDir}/.`, target]);
    if (copied.code !== 0) throw new Error(copied.output);
  } finally {
    server.signal('SIGCONT');
  }
  await rm(join(target, 'postmaster.pid'), { force: true });
  return target;
}

/** Kills the server and starts it on the copy, or on nothing. */
export async function restart(server: PrivateServer, copy: string | undefined): Promise<void> {
  await server.kill();
  for (const name of await readdir(server.dataDir)) await rm(join(server.dataDir, name), { recursive: true });
  if (copy !== undefined) await runCommand('cp', ['--archive', `${copy}/.`, server.dataDir]);
  await server.start();
}

/** The same for the database, with the checker told: what it knew of the database ends there. */
export async function restoreDatabase(stage: OwnStage, copy: string): Promise<void> {
  await stage.checker.suspend();
  try {
    await restart(stage.postgres, copy);
  } finally {
    stage.checker.resume();
  }
}

/** Cuts the last bytes off Redis's append-only file, as a power cut does. Redis must not run. */
export async function cutAppendOnlyFile(server: PrivateServer, bytes: number): Promise<void> {
  const folder = join(server.dataDir, 'appendonlydir');
  const name = (await readdir(folder))
    .filter((file) => file.endsWith('.incr.aof'))
    .sort()
    .at(-1);
  if (name === undefined) throw new Error('there is no append-only file');
  const { size } = await stat(join(folder, name));
  await truncate(join(folder, name), Math.max(0, size - bytes));
}
