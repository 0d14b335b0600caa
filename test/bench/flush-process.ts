import { z } from 'zod';
import type { TestMarket } from '../support/test-market.ts';
import { AskedProcess } from './asked-process.ts';
import { BackendUsage } from './backend-usage.ts';
import type { BenchContext } from './bench-context.ts';
import type { FlushAnswer } from './flush-child.ts';
import { moduleOf } from './measured-code.ts';
import { type ProcessProfile, ProfileFolder } from './profiled-process.ts';
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

/** The flush coordinator in a process of its own; see flush-child.ts. */
export class FlushProcess implements AsyncDisposable {
  readonly #market: TestMarket;
  readonly #process: AskedProcess;
  readonly #profiles: ProfileFolder;
  readonly #startUpMs: number;

  private constructor(market: TestMarket, process_: AskedProcess, profiles: ProfileFolder, startUpMs: number) {
    this.#market = market;
    this.#process = process_;
    this.#profiles = profiles;
    this.#startUpMs = startUpMs;
  }

  static async start(context: BenchContext, settings: Readonly<Record<string, string>> = {}): Promise<FlushProcess> {
    const module = moduleOf(context.code, 'src/gateway/flusher');
    const environment = { ...context.market.environment, ...settings };
    const profiles = new ProfileFolder(context.onProfile !== undefined);
    const startedMs = performance.now();
    const child = await AskedProcess.start('flush-child.ts', [module], environment, profiles.nodeFlags);
    return new FlushProcess(context.market, child, profiles, performance.now() - startedMs);
  }

  /** Flushes everything that is in the buffer. Connecting does not count. */
  async flush(): Promise<FlushTiming> {
    const usage = new BackendUsage(this.#market.db, 'tickgate-flush', 'its start');
    try {
      const answer = answerSchema.parse(await this.#process.ask({ action: 'flush' }));
      return { ...answer, backendCpuSeconds: await usage.stop() };
    } finally {
      await usage.stop();
    }
  }

  /** Ends it, and gives its profile where one was asked for. */
  async stop(): Promise<ProcessProfile | undefined> {
    await this.#process[Symbol.asyncDispose]();
    return this.#profiles.take(this.#startUpMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
