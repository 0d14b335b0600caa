import { writeSync } from 'node:fs';

/** What a test file tells the runner, one JSON line each over a pipe of its own. */
export type TestReport =
  | { readonly type: 'begin'; readonly suite: string; readonly test: string; readonly limitMs: number }
  | { readonly type: 'pass'; readonly suite: string; readonly test: string; readonly durationMs: number }
  | { readonly type: 'fail'; readonly suite: string; readonly test: string }
  | { readonly type: 'skip'; readonly suite: string; readonly test: string; readonly reason: string }
  | { readonly type: 'end' };

/** Names the file descriptor to report to; taken out of the environment so that no grandchild inherits it. */
export const REPORT_FD_VARIABLE = 'TICKGATE_TEST_REPORT_FD';

const reportFd = Number(process.env[REPORT_FD_VARIABLE] ?? Number.NaN);
delete process.env[REPORT_FD_VARIABLE];

/**
 * Sends one report; does nothing when the file was started by hand. Synchronous: a dying process has told all.
 * When the runner is gone the file ends too: it must not go on beside the next run.
 */
export function report(line: TestReport): void {
  if (!Number.isInteger(reportFd)) return;
  try {
    writeSync(reportFd, `${JSON.stringify(line)}\n`);
  } catch {
    process.exit(1);
  }
}
