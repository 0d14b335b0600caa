import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { REPORT_FD_VARIABLE, type TestReport } from './test-report.ts';

/** Time to load a file, and to end after its last test; tests themselves announce their own limits. */
const IDLE_LIMIT_MS = 60_000;
const END_LIMIT_MS = 5_000;
/** Added to a test's own limit, which should end it first; this one ends a process that hangs in a loop. */
const LIMIT_SLACK_MS = 10_000;
const FILE_LIMIT_MS = 20 * 60_000;
const OUTPUT_LIMIT_CHARACTERS = 1_000_000;

export interface FileResult {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: ReadonlyArray<{ readonly test: string; readonly reason: string }>;
  /** All that the file printed, the last million characters of it. */
  readonly output: string;
  readonly durationMs: number;
}

/**
 * Runs one test file in a process of its own and follows its reports.
 * The process is killed when a test outlives its own limit, or when it doesn't end after its last test.
 */
export async function runTestFile(options: {
  readonly file: string;
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onReport?: (line: TestReport) => void;
}): Promise<FileResult> {
  const startMs = performance.now();
  let passed = 0;
  let ended = false;
  let current = 'loading';
  let output = '';
  const failed: string[] = [];
  const skipped: Array<{ test: string; reason: string }> = [];

  const child = spawn(process.execPath, ['--import', 'tsx', options.file], {
    cwd: options.root,
    env: { ...options.environment, [REPORT_FD_VARIABLE]: '3' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const stopOnSignal = (signal: NodeJS.Signals): void => {
    child.kill('SIGKILL');
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', stopOnSignal).once('SIGTERM', stopOnSignal);

  let watchdog: NodeJS.Timeout | undefined;
  const watch = (limitMs: number, failure: string): void => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      failed.push(failure);
      child.kill('SIGKILL');
    }, limitMs);
  };
  const fileTimer = setTimeout(() => {
    failed.push(`the file was not done after ${FILE_LIMIT_MS / 60_000} minutes`);
    child.kill('SIGKILL');
  }, FILE_LIMIT_MS);
  watch(IDLE_LIMIT_MS, `did not load within ${IDLE_LIMIT_MS} ms`);

  const onLine = (text: string): void => {
    const line = parseReport(text);
    options.onReport?.(line);
    const name = 'test' in line ? `${line.suite} › ${line.test}` : '';
    if (line.type === 'begin') {
      current = name;
      watch(line.limitMs + LIMIT_SLACK_MS, `${name}: hangs; the process had to be killed`);
      return;
    }
    if (line.type === 'pass') passed += 1;
    if (line.type === 'fail') failed.push(name);
    if (line.type === 'skip') skipped.push({ test: name, reason: line.reason });
    if (line.type === 'end') {
      ended = true;
      watch(END_LIMIT_MS, 'left something open: the process had to be killed after its tests');
    } else {
      watch(IDLE_LIMIT_MS, `hangs after ${name}; the process had to be killed`);
    }
  };
  const collect = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_LIMIT_CHARACTERS);
  };
  child.stdout?.setEncoding('utf8').on('data', collect);
  child.stderr?.setEncoding('utf8').on('data', collect);
  const reports = child.stdio[3];
  if (!(reports instanceof Readable)) throw new Error('the report pipe is missing');
  createInterface({ input: reports }).on('line', onLine);

  const exit = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
  });
  clearTimeout(watchdog);
  clearTimeout(fileTimer);
  process.off('SIGINT', stopOnSignal).off('SIGTERM', stopOnSignal);
  if (!ended && failed.length === 0) failed.push(`ended early (${exit}) at ${current}`);
  if (exit !== 'exit code 0' && failed.length === 0) failed.push(`ended with ${exit} though no test failed`);
  return { passed, failed, skipped, output, durationMs: performance.now() - startMs };
}

function parseReport(text: string): TestReport {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends are test-report.ts of one checkout
  return JSON.parse(text) as TestReport;
}
