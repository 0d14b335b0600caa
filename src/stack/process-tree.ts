import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  /** Clock ticks since boot; with the pid it names a process for good, until the next boot. */
  readonly startTicks: string;
}

function readProcess(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** Whether this process runs; with `startTicks`, whether it is still the same one. A zombie does not run. */
export function isRunning(pid: number, startTicks?: string): boolean {
  const entry = readProcess(pid);
  return entry !== undefined && entry.state !== 'Z' && (startTicks === undefined || entry.startTicks === startTicks);
}

/** The process and all that descend from it, parents first. */
export function processTree(pid: number): number[] {
  const entries = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((entry) => entry !== undefined);
  const tree = entries.some((entry) => entry.pid === pid) ? [pid] : [];
  for (let index = 0; index < tree.length; index += 1) {
    for (const entry of entries) if (entry.parent === tree[index]) tree.push(entry.pid);
  }
  return tree;
}

/** Sends a signal to each process that still exists. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

/** Waits until none of the processes runs. @returns false when the time is up first. */
export async function waitForEnd(pids: readonly number[], limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (pids.some((pid) => isRunning(pid))) {
    if (performance.now() > endMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Kills a process with all its descendants at once, as a power cut would. */
export async function killTree(pid: number): Promise<void> {
  const tree = processTree(pid);
  // The parent is stopped first so that it cannot start children that this list doesn't know.
  signalAll(tree, 'SIGSTOP');
  const all = processTree(pid);
  signalAll(all, 'SIGKILL');
  await waitForEnd(all, 10_000);
}
