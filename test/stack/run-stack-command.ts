import { ensureStack, findStack, stopStack } from '../../src/stack/ensure-stack.ts';

/** `run-stack-command.ts up|fresh|down|status FOLDER`: one stack command as a process of its own, for stack tests. */
const [command, stackDir = ''] = process.argv.slice(2);
const options = {
  stackDir,
  env: {},
  onProgress: (line: string): void => void process.stderr.write(`${line}\n`),
};
const result =
  command === 'down'
    ? await stopStack(options)
    : command === 'status'
      ? await findStack(options)
      : await ensureStack({ ...options, fresh: command === 'fresh' });
process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
