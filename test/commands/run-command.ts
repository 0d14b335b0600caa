import { Command, CommanderError } from 'commander';
import { TickgateError } from '../../src/errors.ts';

export interface CommandResult {
  /** Exit code the program would end with. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command in this process: a process of its own takes half a second each time. One at a time. */
export async function runCommand(
  register: (program: Command) => void,
  args: readonly string[],
): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  const program = new Command('tickgate')
    .option('--json')
    .exitOverride()
    .configureOutput({ writeErr: (text) => (stderr += text) });
  register(program);
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array): boolean => {
    stdout += String(text);
    return true;
  };
  try {
    await program.parseAsync([...args], { from: 'user' });
    return { code: 0, stdout, stderr };
  } catch (error) {
    if (error instanceof CommanderError) return { code: 2, stdout, stderr };
    if (!(error instanceof TickgateError)) throw error;
    return { code: error.exitCode, stdout, stderr: `${error.message}. Remedy: ${error.remedy}` };
  } finally {
    process.stdout.write = write;
  }
}
