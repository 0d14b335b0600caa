import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { psqlCommand } from '../../src/stack/client-commands.ts';
import { ensureStack } from '../../src/stack/ensure-stack.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';
import type { BenchContext } from './bench-context.ts';
import { QUICK } from './bench-size.ts';
import { type GuardMeasures, measureAllocations, measureBuffering, measureStoring } from './guard-measures.ts';
import { fallenBehind } from './guard-verdict.ts';
import { sourceCode } from './measured-code.ts';

/**
 * Fails when a ratio falls well below the recorded one. `BENCH_RECORD=1` writes what is measured into the record
 * instead: on a machine that does nothing else, and only with a reason.
 */
const RECORD_FILE = new URL('guard-record.json', import.meta.url);
const perFrameSize = z.record(z.string(), z.number());
const recordSchema: z.ZodType<GuardMeasures> = z.object({
  backendCpuRatio: z.number(),
  wallRatio: z.number(),
  flushCpuShare: z.number(),
  entriesPerFrame: perFrameSize,
  redisBytesPerTick: perFrameSize,
  heapBytesPerTick: perFrameSize,
});

let market: TestMarket;
let context: BenchContext;

const test = suite('speed guard', { timeoutMs: 240_000 });

test.before(async () => {
  market = await openTestMarket();
  await setupDatabase(market.db, market.config);
  context = {
    market,
    psql: await psqlCommand(await ensureStack()),
    size: QUICK,
    code: sourceCode(),
    folder: await mkdtemp(join(tmpdir(), 'tickgate-guard-')),
    say: () => undefined,
    onProfile: undefined,
  };
});
test.after(async () => {
  await market.close();
  await rm(context.folder, { recursive: true, force: true });
});

/** A busy moment spoils one measurement; code that has become slower spoils them all. */
const TRIES = 3;

async function judge(measure: () => Promise<Partial<GuardMeasures>>): Promise<void> {
  const recorded = recordSchema.parse(JSON.parse(readFileSync(RECORD_FILE, 'utf8')));
  let behind: string[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    const measured = await measure();
    if (process.env['BENCH_RECORD'] === '1') {
      writeFileSync(RECORD_FILE, `${JSON.stringify({ ...recorded, ...measured }, undefined, 2)}\n`);
      return;
    }
    behind = fallenBehind(measured, recorded);
    if (behind.length === 0) return;
  }
  assert.equal(behind, []);
}

test('the flush against psql’s copy', async (run) => {
  await judge(async () => {
    const measured = await measureStoring(context);
    if (Number.isNaN(measured.backendCpuRatio)) run.skip('the PostgreSQL of the environment runs elsewhere');
    return measured;
  });
});

test('script calls a frame and Redis bytes a tick', () => judge(() => measureBuffering(context)));

test('heap allocated a tick on the ingest path', () => judge(measureAllocations));
