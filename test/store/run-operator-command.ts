import { Command } from 'commander';
import { registerDoctor } from '../../src/commands/doctor.ts';
import { registerFeeds } from '../../src/commands/feeds.ts';
import { registerGaps } from '../../src/commands/gaps.ts';
import { registerRebuildBars } from '../../src/commands/rebuild-bars.ts';
import { registerRejected } from '../../src/commands/rejected.ts';
import { registerSetupDb } from '../../src/commands/setup-db.ts';
import { TickgateError } from '../../src/errors.ts';

export interface Outcome {
  /** Exit code the program would end with. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs one of the operators' commands in this process, with `env` on top of its environment: a process of its own
 * takes half a second each time. One at a time.
 */
export async function runOperatorCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const program = new Command('tickgate').option('--json').exitOverride();
  for (const register of [
    registerDoctor,
    registerFeeds,
    registerGaps,
    registerRebuildBars,
    registerRejected,
    registerSetupDb,
  ]) {
    register(program);
  }
  const before = { ...process.env };
  const write = process.stdout.write.bind(process.stdout);
  let stdout = '';
  let stderr = '';
  process.stdout.write = (text: string | Uint8Array): boolean => {
    stdout += String(text);
    return true;
  };
  Object.assign(process.env, env);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return { code: Number(process.exitCode ?? 0), stdout, stderr };
  } catch (error) {
    if (!(error instanceof TickgateError)) throw error;
    stderr = `tickgate: ${error.message}. Remedy: ${error.remedy}\n`;
    return { code: error.exitCode, stdout, stderr };
  } finally {
    process.stdout.write = write;
    process.exitCode = 0;
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
