import type { Command } from 'commander';
import { safeJson, safeLines } from '../base/safe-text.ts';

/** Writes a command's result: one clear line, or with `--json` one JSON object; safe for a terminal, whatever names it holds. */
export function print(command: Command, line: string, json: object): void {
  process.stdout.write(`${isJsonAsked(command) ? safeJson(JSON.stringify(json)) : safeLines(line)}\n`);
}

/** Whether the command was given `--json`. */
export function isJsonAsked(command: Command): boolean {
  const asJson: unknown = command.optsWithGlobals()['json'];
  return asJson === true;
}

/** Resolves with the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (seen) process.exit(130);
      seen = true;
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** Progress of a few large steps, in one line that is overwritten; only on a terminal, so that logs stay clean. */
export function showSteps(unit: string, done: number, total: number): void {
  if (!process.stderr.isTTY || total < 2) return;
  process.stderr.write(done === total ? '\r\u001B[K' : `\r${unit} ${done} of ${total}`);
}
