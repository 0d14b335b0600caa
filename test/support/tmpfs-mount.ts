import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { StackError } from '../../src/stack/stack-error.ts';

/** A small file system that only we and the programs we send there can see. */
export interface TmpfsMount {
  /** The process that keeps it; enter its mounts to see the file system at its folder. */
  readonly holder: number;
  /** The same folder as this process sees it. */
  readonly visibleFolder: string;
  /** Ends the file system with all that lies on it. */
  readonly close: () => Promise<void>;
}

/**
 * Mounts a tmpfs of `sizeMb` MiB over `folder`, in a mount namespace of its own: this process's view of `folder` stays
 * empty, and nothing is left mounted when it dies.
 */
export async function mountTmpfs(folder: string, sizeMb: number): Promise<TmpfsMount> {
  const script =
    'mount -t tmpfs -o "size=$1m" tmpfs "$2" && echo mounted && exec setpriv --pdeathsig KILL sleep infinity';
  const holder = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', String(sizeMb), folder],
    { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(holder, 'exit');
  const mounted = await Promise.race([once(holder.stdout, 'data').then(() => true), exited.then(() => false)]);
  if (!mounted || holder.pid === undefined) {
    throw new StackError(`a file system of ${sizeMb} MiB could not be mounted`, {
      remedy: 'run as root, with the right to mount',
    });
  }
  return {
    holder: holder.pid,
    visibleFolder: `/proc/${holder.pid}/root${folder}`,
    close: async () => {
      holder.kill('SIGKILL');
      await exited;
    },
  };
}
