import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureStack, stackEnvironment } from '../../src/stack/ensure-stack.ts';
import { describeError } from '../../src/errors.ts';
import { compilePrograms, PROGRAMS_VARIABLE } from '../faults/compiled-programs.ts';
import { runTestFile, type FileResult } from './run-test-file.ts';
import { findTestFiles } from './test-files.ts';

/**
 * Usage: run-tests.ts [--no-stack] [PATTERN …]
 * Runs test files, each in a process of its own, on the stack's real Redis and TimescaleDB: three at a time, since most of
 * them wait more than they work, and then those that measure one after another.
 * The last line is `N passed, M failed`, with `, K skipped` when there are any.
 */
const SLOW_TEST_MS = 2_000;
const LANES = 3;
/** Files that compare times: nothing else may run beside them. */
const ALONE = ['test/bench/guard.test.ts', 'test/bad-input/strangers.test.ts', 'test/e2e/page-keeps-pace.test.ts'];

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const write = (line: string): void => void process.stdout.write(`${line}\n`);

function printFile(file: string, result: FileResult): void {
  const counts = [`${result.passed} passed`];
  if (result.failed.length > 0) counts.push(`${result.failed.length} failed`);
  if (result.skipped.length > 0) counts.push(`${result.skipped.length} skipped`);
  const mark = result.failed.length > 0 ? 'FAIL' : ' ok ';
  write(`${mark} ${file}  ${counts.join(', ')}  ${Math.round(result.durationMs)} ms`);
  for (const { test, reason } of result.skipped) write(`       skipped: ${test}: ${reason}`);
  if (result.failed.length === 0) return;
  write(result.output.trimEnd().replaceAll(/^/gm, '     | '));
  for (const failure of result.failed) write(`     failed: ${failure}`);
}

async function inLanes(files: readonly string[], lanes: number, run: (file: string) => Promise<void>): Promise<void> {
  const waiting = [...files];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await run(file);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== '--no-stack');
  if (unknown !== undefined) throw new Error(`${unknown}: not an option; there is --no-stack`);
  const patterns = args.filter((arg) => !arg.startsWith('-'));
  const files = findTestFiles(
    root,
    patterns.map((pattern) => {
      const here = relative(root, resolve(pattern));
      return pattern.includes('/') && !here.startsWith('..') ? here : pattern;
    }),
  );
  let environment: Readonly<Record<string, string | undefined>> = process.env;
  if (!args.includes('--no-stack')) {
    const addresses = await ensureStack({ onProgress: write });
    environment = { ...process.env, ...stackEnvironment(addresses) };
  }
  // A whole run starts the command hundreds of times; from JavaScript each takes half as long.
  if (patterns.length === 0) environment = { ...environment, [PROGRAMS_VARIABLE]: await compilePrograms() };
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const runOne = async (file: string): Promise<void> => {
    const result = await runTestFile({
      file,
      root,
      environment,
      onReport: (line) => {
        if (line.type === 'pass' && line.durationMs >= SLOW_TEST_MS) {
          write(`     … ${line.suite} › ${line.test}  ${(line.durationMs / 1_000).toFixed(1)} s`);
        }
      },
    });
    printFile(file, result);
    passed += result.passed;
    failed += result.failed.length;
    skipped += result.skipped.length;
  };
  const isAlone = (file: string): boolean => ALONE.some((start) => file.startsWith(start));
  await inLanes(
    files.filter((file) => !isAlone(file)),
    LANES,
    runOne,
  );
  await inLanes(files.filter(isAlone), 1, runOne);
  write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  write(describeError(error));
  write('0 passed, 1 failed');
  return 1;
});
