import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { projectRoot } from '../../src/stack/ensure-stack.ts';
import { gatewayAddress } from '../support/test-market.ts';
import type { BenchContext } from './bench-context.ts';
import { cliArguments } from './measured-code.ts';
import { cpuSecondsOf, residentBytesOf } from './process-usage.ts';
import { type ProcessProfile, ProfileFolder } from './profiled-process.ts';

/** A gateway as a process of its own, as users run it. */
export interface BenchGateway extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Processor seconds used so far. */
  cpuSeconds(): number;
  residentBytes(): number;
  /** Ends it in its own way, and gives its profile where one was asked for. */
  stop(): Promise<ProcessProfile | undefined>;
}

export interface BenchGatewayOptions {
  /** Whether it flushes too. */
  readonly flush: boolean;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly isProfiled?: boolean | undefined;
}

/** Starts `serve` on the bench's deployment and waits until it listens. */
export async function startBenchGateway(context: BenchContext, options: BenchGatewayOptions): Promise<BenchGateway> {
  const profiles = new ProfileFolder(options.isProfiled === true);
  const startedMs = performance.now();
  const child = spawn(
    process.execPath,
    [...profiles.nodeFlags, ...cliArguments(context.code), 'serve', ...(options.flush ? [] : ['--no-flush'])],
    {
      cwd: projectRoot(),
      env: { ...process.env, ...context.market.environment, ...options.settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const { pid } = child;
  const url = await gatewayAddress(child);
  const startUpMs = performance.now() - startedMs;
  if (pid === undefined) throw new Error('the gateway has no process');
  const stop = async (): Promise<ProcessProfile | undefined> => {
    await ended(child);
    return profiles.take(startUpMs);
  };
  return {
    url,
    pid,
    cpuSeconds: () => cpuSecondsOf(pid) ?? Number.NaN,
    residentBytes: () => residentBytesOf(pid) ?? Number.NaN,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
