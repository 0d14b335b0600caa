import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Runs `body` while holding an exclusive lock on `file`, waiting for it as long as needed. The lock is flock(1)'s, held by
 * a child whose standard input is ours: it is released even when this process is killed, so it can never be stale.
 * Where there is no flock (macOS: only the Docker way, and compose guards itself) `body` runs without.
 */
export async function withLock<T>(file: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo locked; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // A holder that ended by itself has closed its end.
  holder.stdin.on('error', () => undefined);
  const waiting = setTimeout(onWait, 500);
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'error').catch(() => undefined),
      once(holder, 'exit'),
    ]);
    clearTimeout(waiting);
    return await body();
  } finally {
    clearTimeout(waiting);
    if (holder.exitCode === null && holder.pid !== undefined) {
      const ended = once(holder, 'exit');
      holder.stdin.end();
      await ended;
    }
  }
}
