import type { Command } from 'commander';

/** Writes a command's result: one clear line, or with `--json` one JSON object. */
export function print(command: Command, line: string, json: object): void {
  const asJson: unknown = command.optsWithGlobals()['json'];
  process.stdout.write(`${asJson === true ? JSON.stringify(json) : line}\n`);
}
