import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { projectRoot } from '../../src/stack/ensure-stack.ts';
import type { TestMarket } from '../support/test-market.ts';
import { BackendUsage } from './backend-usage.ts';
import type { FlushAnswer } from './flush-child.ts';
import type { StoreTiming } from './psql-copy.ts';

export interface FlushTiming extends StoreTiming {
  readonly rows: number;
  /** Processor time of the flushing process. */
  readonly cpuSeconds: number;
}

const answerSchema: z.ZodType<FlushAnswer> = z.object({
  rows: z.number(),
  wallSeconds: z.number(),
  cpuSeconds: z.number(),
});
const COMPILED = join(projectRoot(), 'dist/src/flusher.js');

/** The flush coordinator in a process of its own; see flush-child.ts. */
export class FlushProcess implements AsyncDisposable {
  readonly #market: TestMarket;
  readonly #child: ChildProcess;

  private constructor(market: TestMarket, child: ChildProcess) {
    this.#market = market;
    this.#child = child;
  }

  static async start(market: TestMarket, settings: Readonly<Record<string, string>> = {}): Promise<FlushProcess> {
    const flusher = existsSync(COMPILED) ? COMPILED : join(projectRoot(), 'src/flusher.ts');
    const child = fork(join(projectRoot(), 'test/bench/flush-child.ts'), [flusher], {
      execArgv: [
        ...(process.env['BENCH_PROF'] ? ['--cpu-prof', '--cpu-prof-dir=' + process.env['BENCH_PROF']] : []),
        '--import',
        'tsx',
      ],
      env: { ...process.env, ...market.environment, LOG_LEVEL: 'warn', ...settings },
    });
    await answerOf(child);
    return new FlushProcess(market, child);
  }

  /** Flushes everything that is in the buffer. Connecting counts. */
  async flush(): Promise<FlushTiming> {
    const usage = new BackendUsage(this.#market.db, 'tickgate-flush');
    try {
      const answered = answerOf(this.#child);
      this.#child.send('flush');
      const answer = answerSchema.parse(await answered);
      return { ...answer, backendCpuSeconds: await usage.stop() };
    } finally {
      await usage.stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('the flushing process ended');
  });
  exit.catch(() => undefined);
  try {
    const [answer]: unknown[] = await Promise.race([once(child, 'message', { signal: ended.signal }), exit]);
    return answer;
  } finally {
    ended.abort();
  }
}
