import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRunning, killTree, processTree, waitForEnd } from './process-tree.ts';
import { lastLines } from './run-command.ts';
import { StackError } from './stack-error.ts';

const RUN_IN_ROOT = fileURLToPath(new URL('run-in-root.sh', import.meta.url));
const READY_LIMIT_MS = 120_000;
const POLL_MS = 25;
const STOP_LIMIT_MS = 30_000;

/** One program of the Debian root: where its data and log lie on the host, and how long it lives. */
export interface RootProgram {
  readonly root: string;
  readonly user: string;
  /** Seen by the program as /srv. */
  readonly dataDir: string;
  readonly logFile: string;
  readonly command: readonly string[];
  /** Where its process id is kept for a later process to find; such a program outlives us, others die with us. */
  readonly pidFile?: string;
  /** A process whose mounts the program sees besides its own. */
  readonly mountsOf?: number;
  /** Put into a private file of the program, /tmp/secret. */
  readonly secret?: string;
}

/** Starts the program; its process id is that of the child from the start, and it logs to its file. */
export function startProgram(program: RootProgram): ChildProcess {
  const log = openSync(program.logFile, 'a', 0o600);
  const enter = program.mountsOf === undefined ? [] : ['nsenter', `--mount=/proc/${program.mountsOf}/ns/mnt`, '--'];
  const [file = '', ...args] = [
    ...enter,
    ...'unshare --mount --propagation private'.split(' '),
    'sh',
    RUN_IN_ROOT,
    program.root,
    program.dataDir,
    program.user,
    program.pidFile ?? '',
    program.pidFile === undefined ? 'dies' : 'stays',
    ...program.command,
  ];
  try {
    const child = spawn(file, args, {
      cwd: '/',
      detached: program.pidFile !== undefined,
      stdio: ['ignore', log, log],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LANG: 'C.UTF-8',
        ...(program.secret === undefined ? {} : { STACK_SECRET: program.secret }),
      },
    });
    if (program.pidFile !== undefined) child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** Runs a program of the root to its end. @throws {StackError} with the end of its log when it fails. */
export async function runProgram(program: RootProgram): Promise<void> {
  const child = startProgram(program);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) throw failedToStart(program, `ended with code ${String(code)}`);
}

/** The running process that a pid file names; undefined when it has ended, or another one has its number now. */
export function readPidFile(pidFile: string): number | undefined {
  if (!existsSync(pidFile)) return undefined;
  const [pid, startTicks] = readFileSync(pidFile, 'utf8').trim().split(' ');
  if (pid === undefined || startTicks === undefined) return undefined;
  return isRunning(Number(pid), startTicks) ? Number(pid) : undefined;
}

/**
 * Waits until `probe` says the server answers.
 * @throws {StackError} with the end of its log when the process ends before that, or takes too long.
 */
export async function waitUntilReady(
  program: Pick<RootProgram, 'command' | 'logFile'>,
  pid: number,
  probe: () => Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + READY_LIMIT_MS;
  while (!(await probe())) {
    if (!isRunning(pid)) throw failedToStart(program, 'ended while starting');
    if (performance.now() > endMs) throw failedToStart(program, `does not answer after ${READY_LIMIT_MS / 1_000} s`);
    await sleep(POLL_MS);
  }
}

/** Asks a server to end, and kills it with all its children when it doesn't in time. */
export async function stopServer(pid: number, signal: NodeJS.Signals): Promise<void> {
  const tree = processTree(pid);
  if (tree.length === 0) return;
  process.kill(pid, signal);
  if (!(await waitForEnd(tree, STOP_LIMIT_MS))) await killTree(pid);
}

function failedToStart(program: Pick<RootProgram, 'command' | 'logFile'>, what: string): StackError {
  const name = program.command[0]?.split('/').at(-1) ?? '';
  const log = existsSync(program.logFile) ? lastLines(readFileSync(program.logFile, 'utf8'), 8) : '';
  return new StackError(`${name} ${what}:\n${log}`, { remedy: `see ${program.logFile}` });
}
