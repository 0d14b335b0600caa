import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomId } from '../base/random-id.ts';
import { z } from 'zod';
import { ensureDebianRoot } from './debian-root.ts';
import { findFreePort, isFree } from './free-port.ts';
import {
  ensureDatabase,
  initPostgres,
  mainPostgresSettings,
  ownFolder,
  POSTGRES_COMMAND,
  POSTGRES_STOP_SIGNAL,
  POSTGRES_USER,
  postgresAnswers,
  writePostgresSettings,
} from './postgres-server.ts';
import { isRunning } from './process-tree.ts';
import { REDIS_STOP_SIGNAL, REDIS_USER, redisAnswers, redisCommand } from './redis-server.ts';
import { readPidFile, startProgram, stopServer, waitUntilReady } from './server-process.ts';
import type { StackAddresses } from './stack-addresses.ts';

const START_ATTEMPTS = 3;
/** Removes a folder in which a dying process may still write. */
const REMOVE_BUSY = { recursive: true, force: true, maxRetries: 8, retryDelay: 50 };

/** State file of a clone's own stack. */
const stateSchema = z.object({
  redisPort: z.number().int(),
  postgresPort: z.number().int(),
  postgresPassword: z.string(),
});
type StackState = z.infer<typeof stateSchema>;

export interface DebianStackOptions {
  readonly stackDir: string;
  readonly postgresDb: string;
  readonly onProgress: (line: string) => void;
}

function readState(stackDir: string): StackState | undefined {
  const file = join(stackDir, 'stack.json');
  return existsSync(file) ? stateSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

async function writeState(stackDir: string, state: StackState): Promise<void> {
  const file = join(stackDir, 'stack.json');
  await writeFile(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function addressesOf(state: StackState, postgresDb: string): StackAddresses {
  return {
    redisHost: '127.0.0.1',
    redisPort: state.redisPort,
    postgresHost: '127.0.0.1',
    postgresPort: state.postgresPort,
    postgresUser: POSTGRES_USER,
    postgresPassword: state.postgresPassword,
    postgresDb,
    way: 'debian',
  };
}

/** Starts the servers that don't run yet. The caller holds the lock of the stack folder. */
export async function debianUp(options: DebianStackOptions): Promise<StackAddresses> {
  const { stackDir, onProgress } = options;
  const root = await ensureDebianRoot(onProgress);
  await mkdir(stackDir, { recursive: true });
  await removeLeftovers(stackDir);
  let state = readState(stackDir) ?? {
    redisPort: await findFreePort(),
    postgresPort: await findFreePort(),
    postgresPassword: randomId(18),
  };
  await writeState(stackDir, state);

  const start = async (name: 'redis' | 'postgres'): Promise<void> => {
    const pidFile = join(stackDir, `${name}.pid`);
    const portOf = name === 'redis' ? 'redisPort' : 'postgresPort';
    const probe = (): Promise<boolean> =>
      name === 'redis'
        ? redisAnswers('127.0.0.1', state.redisPort)
        : postgresAnswers(state.postgresPort, state.postgresPassword);
    for (let attempt = 1; ; attempt += 1) {
      let pid = readPidFile(pidFile);
      if (pid === undefined && !(await isFree(state[portOf]))) {
        state = { ...state, [portOf]: await findFreePort() };
        await writeState(stackDir, state);
      }
      const program = {
        root,
        user: name === 'redis' ? REDIS_USER : POSTGRES_USER,
        dataDir: join(stackDir, name),
        logFile: join(stackDir, `${name}.log`),
        pidFile,
        command: name === 'redis' ? redisCommand(state.redisPort) : POSTGRES_COMMAND,
      };
      if (pid === undefined) {
        await ownFolder(root, program.dataDir, program.user);
        if (name === 'postgres') await preparePostgres(program, state, onProgress);
        onProgress(`starting ${name} on 127.0.0.1:${state[portOf]}`);
        pid = startProgram(program).pid ?? 0;
      }
      try {
        await waitUntilReady(program, pid, probe);
        return;
      } catch (error) {
        if (attempt === START_ATTEMPTS || isRunning(pid)) throw error;
        // Its port may be taken since the check, or children of a killed server may be about to end.
        await sleep(1_000);
      }
    }
  };
  await Promise.all([start('redis'), start('postgres')]);
  await ensureDatabase(state.postgresPort, state.postgresPassword, options.postgresDb);
  return addressesOf(state, options.postgresDb);
}

async function preparePostgres(
  program: { readonly root: string; readonly dataDir: string; readonly logFile: string },
  state: StackState,
  onProgress: (line: string) => void,
): Promise<void> {
  const { root, dataDir, logFile } = program;
  const made = join(dataDir, '..', 'postgres.made');
  if (!existsSync(made)) {
    onProgress('making an empty database cluster');
    // Killed half-way, initdb leaves a folder that neither starts nor can be made again, and for a moment a child in it.
    await rm(dataDir, REMOVE_BUSY);
    await ownFolder(root, dataDir, POSTGRES_USER);
    await initPostgres({ root, dataDir, logFile }, state.postgresPassword);
    await writeFile(made, '');
  }
  await writePostgresSettings(dataDir, state.postgresPort, mainPostgresSettings());
}

/** Ends the servers that this stack folder started, and nothing else. @returns how many ran. */
export async function debianDown(stackDir: string): Promise<number> {
  const stop = async (name: string, signal: NodeJS.Signals): Promise<number> => {
    const pid = readPidFile(join(stackDir, `${name}.pid`));
    if (pid !== undefined) await stopServer(pid, signal);
    await rm(join(stackDir, `${name}.pid`), { force: true });
    return pid === undefined ? 0 : 1;
  };
  const stopped = await Promise.all([stop('redis', REDIS_STOP_SIGNAL), stop('postgres', POSTGRES_STOP_SIGNAL)]);
  return stopped[0] + stopped[1];
}

/** Forgets all data of a stack that is down; ports and password stay. */
export async function debianWipe(stackDir: string): Promise<void> {
  await rm(join(stackDir, 'postgres.made'), { force: true });
  await rm(join(stackDir, 'postgres'), REMOVE_BUSY);
  await rm(join(stackDir, 'redis'), REMOVE_BUSY);
}

/** The addresses, if both servers run. */
export async function debianStatus(stackDir: string, postgresDb: string): Promise<StackAddresses | undefined> {
  const state = readState(stackDir);
  if (state === undefined) return undefined;
  const running = ['redis', 'postgres'].every((name) => readPidFile(join(stackDir, `${name}.pid`)) !== undefined);
  const answering =
    running &&
    (await redisAnswers('127.0.0.1', state.redisPort)) &&
    (await postgresAnswers(state.postgresPort, state.postgresPassword));
  return answering ? addressesOf(state, postgresDb) : undefined;
}

/** The folders that private instances of dead processes left: their names begin with the process id. */
async function removeLeftovers(stackDir: string): Promise<void> {
  const folder = join(stackDir, 'private');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!isRunning(Number(name.split('-')[0]))) await rm(join(folder, name), { recursive: true, force: true });
  }
}
