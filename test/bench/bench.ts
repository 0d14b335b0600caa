import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { describeError, TickgateError } from '../../src/errors.ts';
import { setupDatabase } from '../../src/store/setup-database.ts';
import { psqlCommand } from '../../src/stack/client-commands.ts';
import { ensureStack, stackEnvironment } from '../../src/stack/ensure-stack.ts';
import { compilePrograms } from '../faults/compiled-programs.ts';
import { openTestMarket } from '../support/test-market.ts';
import { benchAcks } from './bench-acks.ts';
import type { BenchContext } from './bench-context.ts';
import { benchEndToEnd } from './bench-end-to-end.ts';
import { benchFlush } from './bench-flush.ts';
import { benchGrowth } from './bench-growth.ts';
import { benchLive } from './bench-live.ts';
import { benchMemory } from './bench-memory.ts';
import type { BenchResults } from './bench-results.ts';
import { FULL, QUICK } from './bench-size.ts';
import { readMachineFacts } from './machine-facts.ts';
import { sourceCode } from './measured-code.ts';
import { describeProfile, type ProcessProfile } from './profiled-process.ts';
import { BENCH_DOCUMENT, RESULTS_FOLDER, RESULTS_LINK, withBenchSection, writeBenchSection } from './readme-section.ts';
import { plotsOf } from './result-plots.ts';
import { resultMarkdown } from './result-table.ts';

/**
 * npm run bench -- [--quick] [--only a,b] [--sources] [--profile] [--soak-minutes N]
 *
 * Measures everything on the stack's real Redis and TimescaleDB, with gateway, feeds and dashboards as processes of
 * their own. A full run writes its table and plots into the README beside this file; others only print.
 */
const PARTS = ['acks', 'flush', 'end-to-end', 'live', 'memory', 'growth'] as const;
type Part = (typeof PARTS)[number];

interface BenchOptions {
  readonly quick?: true;
  readonly only?: readonly Part[];
  readonly sources?: true;
  readonly profile?: true;
  readonly soakMinutes?: number;
}

/** What the soak takes half of where nothing was sustained in the same run. */
const ASSUMED_TICKS_A_SECOND = 200_000;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(options: BenchOptions): Promise<void> {
  const startedAt = new Date();
  const parts: ReadonlySet<Part> = new Set(options.only ?? PARTS);
  const isWhole = options.quick === undefined && parts.size === PARTS.length && !options.profile && !options.sources;
  // Found out now, not after twenty minutes.
  if (isWhole) withBenchSection(existsSync(BENCH_DOCUMENT) ? readFileSync(BENCH_DOCUMENT, 'utf8') : '', '');
  // Into a folder of its own: nobody else's build may pull the programs away while they are measured.
  const code = options.sources === true ? sourceCode() : { folder: await compilePrograms(), isCompiled: true };
  const addresses = await ensureStack({ onProgress: say });
  Object.assign(process.env, stackEnvironment(addresses));
  const folder = await mkdtemp(join(tmpdir(), 'tickgate-bench-'));
  const market = await openTestMarket();
  try {
    await setupDatabase(market.db, market.config);
    const size = options.quick === true ? QUICK : FULL;
    const context: BenchContext = {
      market,
      psql: await psqlCommand(addresses),
      size: options.soakMinutes === undefined ? size : { ...size, soakMs: options.soakMinutes * 60_000 },
      code,
      folder,
      say,
      onProfile: options.profile === true ? sayProfile : undefined,
    };
    const machine = await readMachineFacts(context);
    if (machine.loadBefore > 0.5)
      say(`the machine is busy (load ${machine.loadBefore.toFixed(2)}): figures will be low`);
    const measured = await measure(context, parts);
    const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
    const minutes = (Date.now() - startedAt.getTime()) / 60_000;
    publish({ command, startedAt: startedAt.toISOString(), minutes, machine, ...measured }, isWhole);
  } finally {
    await market.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(context: BenchContext, parts: ReadonlySet<Part>): Promise<Partial<BenchResults>> {
  const results: Partial<BenchResults> = {};
  if (parts.has('acks')) {
    say('acknowledgements: one connection, 2,000 frames in flight');
    results.acks = await benchAcks(context);
  }
  if (parts.has('flush')) {
    say('flush against psql \\copy of the same rows, in turn');
    results.flush = await benchFlush(context);
  }
  if (parts.has('end-to-end')) {
    say('feed to committed');
    results.endToEnd = await benchEndToEnd(context);
  }
  if (parts.has('live')) {
    say('live dashboards');
    results.live = await benchLive(context);
  }
  if (parts.has('growth')) {
    say('growth');
    results.growth = await benchGrowth(context);
  }
  if (parts.has('memory')) {
    say('memory');
    results.memory = await benchMemory(context, results.endToEnd?.ticksPerSecond ?? ASSUMED_TICKS_A_SECOND);
  }
  return results;
}

/** Prints; of a whole run also keeps figures and plots, and writes the document's section. */
function publish(results: BenchResults, isWhole: boolean): void {
  const plots = plotsOf(results);
  const section = resultMarkdown(results, plots, RESULTS_LINK);
  say(`\n${section}`);
  if (!isWhole) return;
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  writeFileSync(join(RESULTS_FOLDER, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  for (const { name, svg } of plots) writeFileSync(join(RESULTS_FOLDER, name), svg);
  writeBenchSection(BENCH_DOCUMENT, section);
}

function sayProfile(part: string, profile: ProcessProfile): void {
  say(`  where the time of the process went (${part}):`);
  for (const line of describeProfile(profile)) say(`    ${line}`);
}

function parseParts(text: string): Part[] {
  return text.split(',').map((each) => {
    const part = PARTS.find((known) => known === each.trim());
    if (part === undefined) throw new InvalidArgumentError(`parts are ${PARTS.join(', ')}`);
    return part;
  });
}

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0)) throw new InvalidArgumentError('a number of minutes is expected');
  return minutes;
}

const program = new Command('bench')
  .description('measures the gateway on real servers and writes the figures of test/bench/README.md')
  .option('--quick', 'at most two minutes; prints only')
  .option('--only <parts>', `some of ${PARTS.join(',')}; prints only`, parseParts)
  .option('--sources', 'measure the sources instead of compiled programs; prints only')
  .option('--profile', 'profile gateways and flushes; prints only')
  .option('--soak-minutes <minutes>', 'how long memory is watched', parseMinutes)
  .action(main);

try {
  await program.parseAsync();
} catch (error) {
  const remedy = error instanceof TickgateError ? `. Remedy: ${error.remedy}` : '';
  process.stderr.write(`bench: ${describeError(error)}${remedy}\n`);
  process.exitCode = error instanceof TickgateError ? error.exitCode : 1;
}
