import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/stack/ensure-stack.ts';
import { gatewayAddress, type TestMarket } from '../support/test-market.ts';
import { cpuSecondsOf, residentBytesOf } from './process-usage.ts';

/** A gateway as a process of its own, as users run it. */
export interface BenchGateway extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Processor seconds used so far. */
  cpuSeconds(): number;
  residentBytes(): number;
  /** Ends it in its own way, and gives its profile (JSON) where one was asked for. */
  stop(): Promise<string | undefined>;
}

export interface BenchGatewayOptions {
  /** Whether it flushes too. */
  readonly flush: boolean;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly isProfiled?: boolean | undefined;
}

const COMPILED_CLI = join(projectRoot(), 'dist/src/cli.js');

/** Arguments of Node that run the command line: compiled where it is, as users have it; else from the sources. */
export function cliArguments(): readonly string[] {
  return existsSync(COMPILED_CLI) ? [COMPILED_CLI] : ['--import', 'tsx', join(projectRoot(), 'src/cli.ts')];
}

/** Starts `serve` on the market's deployment and waits until it listens. */
export async function startBenchGateway(market: TestMarket, options: BenchGatewayOptions): Promise<BenchGateway> {
  const profileDir = options.isProfiled === true ? await mkdtemp(join(tmpdir(), 'tickgate-profile-')) : undefined;
  const profiling = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const child = spawn(
    process.execPath,
    [...profiling, ...cliArguments(), 'serve', ...(options.flush ? [] : ['--no-flush'])],
    {
      cwd: projectRoot(),
      env: { ...process.env, ...market.environment, ...options.settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const { pid } = child;
  const url = await gatewayAddress(child);
  if (pid === undefined) throw new Error('the gateway has no process');
  const stop = async (): Promise<string | undefined> => {
    await ended(child);
    const file = profileDir === undefined ? undefined : readdirSync(profileDir)[0];
    return profileDir === undefined || file === undefined ? undefined : readFileSync(join(profileDir, file), 'utf8');
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
