import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { psqlCommand, redisCliCommand, type ClientCommand } from '../stack/client-commands.ts';
import { ensureStack, findStack, stackEnvironment, stopStack, type StackAddresses } from '../stack/ensure-stack.ts';
import { StackError } from '../stack/stack-error.ts';

interface OutputOptions {
  readonly json?: boolean;
}

const toStdout = (line: string): void => void process.stdout.write(`${line}\n`);
const toStderr = (line: string): void => void process.stderr.write(`stack: ${line}\n`);

/** Adds `stack up|down|status|env|psql|redis-cli`: real Redis and TimescaleDB for development. */
export function registerStack(program: Command, write: (line: string) => void = toStdout): void {
  const stack = program.command('stack').description('real Redis and TimescaleDB for development, tests and the demo');

  stack
    .command('up')
    .description('start them, unless they run: given addresses, a Docker engine, or Debian packages')
    .option('--fresh', 'throw their data away first')
    .option('--json', 'for machines')
    .action(async (options: OutputOptions & { readonly fresh?: boolean }) => {
      const addresses = await ensureStack({ onProgress: toStderr, fresh: options.fresh === true });
      write(options.json === true ? describeJson(addresses) : `up: ${describe(addresses)}`);
    });

  stack
    .command('down')
    .description('end what `up` started; the data stays')
    .option('--json', 'for machines')
    .action(async (options: OutputOptions) => {
      const stopped = await stopStack({ onProgress: toStderr });
      if (options.json === true) return write(JSON.stringify({ stopped }));
      return write(stopped === 0 ? 'down: nothing of this project ran' : `down: ${stopped} servers ended`);
    });

  stack
    .command('status')
    .description('where they answer; exit code 1 when they are down')
    .option('--json', 'for machines')
    .action(async (options: OutputOptions) => {
      const addresses = await findStack({ onProgress: toStderr });
      if (addresses === undefined) process.exitCode = 1;
      if (options.json === true) return write(addresses === undefined ? '{"up":false}' : describeJson(addresses));
      return write(addresses === undefined ? 'down' : `up: ${describe(addresses)}`);
    });

  stack
    .command('env')
    .description('their addresses and password as shell lines: eval "$(tickgate stack env)"')
    .option('--json', 'for machines')
    .action(async (options: OutputOptions) => {
      const environment = stackEnvironment(await requireStack());
      if (options.json === true) return write(JSON.stringify(environment));
      for (const [name, value] of Object.entries(environment)) write(`export ${name}=${shellQuote(value)}`);
    });

  const clients: ReadonlyArray<readonly [string, (addresses: StackAddresses) => Promise<ClientCommand>]> = [
    ['psql', psqlCommand],
    ['redis-cli', redisCliCommand],
  ];
  for (const [name, commandFor] of clients) {
    stack
      .command(name)
      .description(`${name} connected to the stack; arguments are handed on`)
      .argument('[args...]')
      .allowUnknownOption()
      .helpOption(false)
      .action(async (args: readonly string[]) => {
        const { file, args: own, env } = await commandFor(await requireStack());
        const child = spawn(file, [...own, ...args], { stdio: 'inherit', env: { ...process.env, ...env } });
        // Ctrl-C is for the program in the foreground.
        const ignore = (): void => undefined;
        process.on('SIGINT', ignore);
        const [code]: unknown[] = await once(child, 'exit');
        process.off('SIGINT', ignore);
        process.exitCode = typeof code === 'number' ? code : 1;
      });
  }
}

async function requireStack(): Promise<StackAddresses> {
  const addresses = await findStack({ onProgress: toStderr });
  if (addresses === undefined) throw new StackError('the stack is down', { remedy: 'tickgate stack up' });
  return addresses;
}

function describe(addresses: StackAddresses): string {
  const { redisHost, redisPort, postgresHost, postgresPort, postgresDb, way } = addresses;
  return `Redis ${redisHost}:${redisPort}, TimescaleDB ${postgresHost}:${postgresPort}/${postgresDb} (${way})`;
}

/** Without the password, which is for `stack env` alone. */
function describeJson(addresses: StackAddresses): string {
  const { postgresPassword: _secret, ...printable } = addresses;
  return JSON.stringify({ up: true, ...printable });
}

function shellQuote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
