import { z } from 'zod';
import type { TestMarket } from '../support/test-market.ts';
import { AskedProcess } from './asked-process.ts';
import { BackendUsage } from './backend-usage.ts';
import type { BenchContext } from './bench-context.ts';
import type { FlushAnswer } from './flush-child.ts';
import { moduleOf } from './measured-code.ts';
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

  private constructor(market: TestMarket, process_: AskedProcess) {
    this.#market = market;
    this.#process = process_;
  }

  static async start(context: BenchContext, settings: Readonly<Record<string, string>> = {}): Promise<FlushProcess> {
    const module = moduleOf(context.code, 'src/flusher');
    const environment = { ...context.market.environment, ...settings };
    return new FlushProcess(context.market, await AskedProcess.start('flush-child.ts', [module], environment));
  }

  /** Flushes everything that is in the buffer. Connecting counts. */
  async flush(): Promise<FlushTiming> {
    const usage = new BackendUsage(this.#market.db, 'tickgate-flush', 'its start');
    try {
      const answer = answerSchema.parse(await this.#process.ask({ action: 'flush' }));
      return { ...answer, backendCpuSeconds: await usage.stop() };
    } finally {
      await usage.stop();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
