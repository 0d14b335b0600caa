import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { findFreePort } from './free-port.ts';
import { lastLines, runCommand, type CommandResult } from './run-command.ts';
import type { StackAddresses } from './stack-addresses.ts';
import { StackError } from './stack-error.ts';

const PROBE_LIMIT_MS = 10_000;
const UP_LIMIT_MS = 15 * 60_000;

/** For a development stack on loopback; a deployment sets its own. */
const DEVELOPMENT_PASSWORD = 'tickgate-development';

const stateSchema = z.object({ redisPort: z.number().int(), postgresPort: z.number().int() });
type DockerState = z.infer<typeof stateSchema>;

export interface DockerStackOptions {
  readonly projectRoot: string;
  readonly stackDir: string;
  readonly postgresDb: string;
  readonly onProgress: (line: string) => void;
}

/** Whether a Docker engine with the compose plugin answers. */
export async function dockerAnswers(): Promise<boolean> {
  const probe = (...args: string[]): Promise<CommandResult> =>
    runCommand('docker', args, { timeoutMs: PROBE_LIMIT_MS });
  if ((await probe('version', '--format', '{{.Server.Version}}')).code !== 0) return false;
  return (await probe('compose', 'version')).code === 0;
}

/** Each clone has a project name of its own: two of them on one machine don't meet. */
function projectName(stackDir: string): string {
  return `tickgate-${createHash('sha256').update(stackDir).digest('hex').slice(0, 8)}`;
}

function readState(stackDir: string): DockerState | undefined {
  const file = join(stackDir, 'docker.json');
  return existsSync(file) ? stateSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

async function compose(
  options: DockerStackOptions,
  state: DockerState,
  args: readonly string[],
): Promise<CommandResult> {
  const result = await runCommand(
    'docker',
    ['compose', '--project-name', projectName(options.stackDir), '--progress', 'plain', ...args],
    {
      cwd: options.projectRoot,
      timeoutMs: UP_LIMIT_MS,
      env: {
        REDIS_PUBLISH: `127.0.0.1:${state.redisPort}`,
        POSTGRES_PUBLISH: `127.0.0.1:${state.postgresPort}`,
        POSTGRES_DB: options.postgresDb,
        POSTGRES_USER: 'postgres',
        POSTGRES_PASSWORD: DEVELOPMENT_PASSWORD,
      },
      onLine: (line) => {
        if (/Pulling|Pulled|Created|Started|Healthy/.test(line)) options.onProgress(`docker: ${line.trim()}`);
      },
    },
  );
  if (result.code !== 0) {
    throw new StackError(`docker compose ${args.join(' ')} failed:\n${lastLines(result.output, 8)}`, {
      remedy: 'see the lines above and `docker compose logs`',
    });
  }
  return result;
}

function addressesOf(state: DockerState, postgresDb: string): StackAddresses {
  return {
    redisHost: '127.0.0.1',
    redisPort: state.redisPort,
    postgresHost: '127.0.0.1',
    postgresPort: state.postgresPort,
    postgresUser: 'postgres',
    postgresPassword: DEVELOPMENT_PASSWORD,
    postgresDb,
    way: 'docker',
  };
}

/** `docker compose up` of the two servers, with ports of this clone's own; waits until they are healthy. */
export async function dockerUp(options: DockerStackOptions): Promise<StackAddresses> {
  const known = readState(options.stackDir);
  const state = known ?? { redisPort: await findFreePort(), postgresPort: await findFreePort() };
  if (known === undefined) {
    await mkdir(options.stackDir, { recursive: true });
    await writeFile(join(options.stackDir, 'docker.json'), `${JSON.stringify(state)}\n`);
  }
  await compose(options, state, ['up', '--detach', '--wait', 'redis', 'timescaledb']);
  return addressesOf(state, options.postgresDb);
}

/** Ends this clone's containers, with `wipe` their volumes too. @returns how many ran. */
export async function dockerDown(options: DockerStackOptions, wipe: boolean): Promise<number> {
  const state = readState(options.stackDir);
  if (state === undefined) return 0;
  const running = await compose(options, state, ['ps', '--quiet']);
  await compose(options, state, wipe ? ['down', '--volumes'] : ['down']);
  return running.stdout.split('\n').filter((line) => line !== '').length;
}

/** The addresses, if both containers run. */
export async function dockerStatus(options: DockerStackOptions): Promise<StackAddresses | undefined> {
  const state = readState(options.stackDir);
  if (state === undefined) return undefined;
  const running = await compose(options, state, ['ps', '--quiet', '--status', 'running']);
  const count = running.stdout.split('\n').filter((line) => line !== '').length;
  return count >= 2 ? addressesOf(state, options.postgresDb) : undefined;
}
