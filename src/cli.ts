#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { registerCommands } from './commands/catalog.ts';
import { translateLegacyFlags } from './commands/legacy-flags.ts';
import { describeSettings, loadLogLevel } from './config.ts';
import { safeLines } from './base/safe-text.ts';
import { describeError, TickgateError } from './errors.ts';
import { QUIET_LOG_LEVEL, rootLogger, setLogLevel } from './logger.ts';
import { PACKAGE_VERSION } from './package-version.ts';

const USAGE_EXIT_CODE = 2;
const SERVICES: readonly string[] = ['serve', 'daemon'];

async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command('tickgate')
    .description('A live-feed gateway for stock ticks: feeds in, dashboards out, every tick stored exactly once.')
    .version(PACKAGE_VERSION, '--version', 'print the version')
    .option('--json', 'print results as JSON')
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`tickgate: ${text.trim().replace(/^error: /, '')}; see tickgate --help\n`),
    });
  program.hook('preAction', (_program, action) => applyLogLevel(action.name()));
  await registerCommands(program, argv);
  const settings = describeSettings().map(
    ({ env, default: value, describe }) => `  ${env.padEnd(32)} ${describe}${value === '' ? '' : ` (${value})`}`,
  );
  program.addHelpText('after', `\nSettings, as environment variables:\n${settings.join('\n')}`);
  return program;
}

async function main(argv: readonly string[]): Promise<number> {
  try {
    const words = translateLegacyFlags(argv);
    const program = await buildProgram(words);
    await program.parseAsync(words, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    if (error instanceof TickgateError) {
      process.stderr.write(safeLines(`tickgate: ${error.message}. Remedy: ${error.remedy}\n`));
      return error.exitCode;
    }
    rootLogger.error({ err: error }, 'unexpected error');
    process.stderr.write(safeLines(`tickgate: ${describeError(error)}\n`));
    return 1;
  }
}

/**
 * Log level of a command: services log, others print their result in one line, unless LOG_LEVEL asks for more.
 * @throws {UsageError} for a LOG_LEVEL that is none
 */
function applyLogLevel(command: string): void {
  const quiet = SERVICES.includes(command) ? {} : { LOG_LEVEL: QUIET_LOG_LEVEL };
  const asked = process.env['LOG_LEVEL'] ?? '';
  setLogLevel(loadLogLevel(asked === '' ? quiet : { LOG_LEVEL: asked }));
}

// `tickgate tail | head`: a reader that has seen enough ends the command.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await main(process.argv.slice(2));
