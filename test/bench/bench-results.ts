import type { AckRow } from './bench-acks.ts';
import type { EndToEndRow } from './bench-end-to-end.ts';
import type { FlushRow } from './bench-flush.ts';
import type { GrowthResult } from './bench-growth.ts';
import type { LiveRow } from './bench-live.ts';
import type { MemoryResult } from './bench-memory.ts';
import type { MachineFacts } from './machine-facts.ts';

/** Everything one run of the bench found; parts that were left out are missing. */
export interface BenchResults {
  readonly command: string;
  readonly startedAt: string;
  readonly minutes: number;
  readonly machine: MachineFacts;
  acks?: readonly AckRow[];
  flush?: readonly FlushRow[];
  endToEnd?: EndToEndRow;
  live?: readonly LiveRow[];
  memory?: MemoryResult;
  growth?: GrowthResult;
}
