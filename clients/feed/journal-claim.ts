import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { FeedError } from './feed-errors.ts';

/**
 * Claims a journal for this process, by a file beside it that holds the process's number. A claim of a process that
 * has died is taken over.
 * @returns a function that gives the claim back
 * @throws {FeedError} when a living process holds it
 */
export function claimJournal(path: string): () => void {
  const claim = `${path}.lock`;
  for (let tries = 0; tries < 2; tries++) {
    try {
      const fd = openSync(claim, 'wx', 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return () => removeIfThere(claim);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw new FeedError(`the journal ${path} cannot be claimed: ${String(error)}`);
    }
    if (isHeldByLivingProcess(claim)) throw new FeedError(`the journal ${path} is in use by another process`);
    removeIfThere(claim);
  }
  throw new FeedError(`the journal ${path} is in use by another process`);
}

function isHeldByLivingProcess(claim: string): boolean {
  let pid: number;
  try {
    pid = Number(readFileSync(claim, 'utf8'));
  } catch {
    return false;
  }
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
