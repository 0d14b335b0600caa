import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig, type Config } from '../config.ts';
import { debianDown, debianStatus, debianUp, debianWipe } from './debian-stack.ts';
import { debianWayUnavailable } from './debian-root.ts';
import { dockerAnswers, dockerDown, dockerStatus, dockerUp } from './docker-stack.ts';
import type { StackAddresses } from './stack-addresses.ts';
import { StackError } from './stack-error.ts';
import { withLock } from './stack-lock.ts';

export { stackEnvironment, type StackAddresses, type StackWay } from './stack-addresses.ts';

const REACH_LIMIT_MS = 2_000;

export interface StackOptions {
  /** One line at a time, for a person waiting. */
  readonly onProgress?: (line: string) => void;
  /** Variables that may give addresses; default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The folder of this stack's data, ports and logs; default `.stack` in the project. */
  readonly stackDir?: string;
}

export interface EnsureStackOptions extends StackOptions {
  /** Throws the stack's data away first. Never touches servers given by the environment. */
  readonly fresh?: boolean;
}

interface Resolved {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectRoot: string;
  readonly stackDir: string;
  readonly postgresDb: string;
  readonly onProgress: (line: string) => void;
}

/** The project's folder: the nearest one upwards with a package.json, from the sources and from dist alike. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The default folder of the stack's data, ports and logs. */
export function defaultStackDir(): string {
  return join(projectRoot(), '.stack');
}

function resolveOptions(options: StackOptions): Resolved {
  const env = options.env ?? process.env;
  const config = loadConfig(env);
  return {
    config,
    env,
    projectRoot: projectRoot(),
    stackDir: options.stackDir ?? defaultStackDir(),
    postgresDb: config.postgresDb,
    onProgress: options.onProgress ?? (() => undefined),
  };
}

function locked<T>({ stackDir, onProgress }: Resolved, body: () => Promise<T>): Promise<T> {
  const onWait = (): void => onProgress('another stack command is running: waiting for it');
  return withLock(join(stackDir, 'lock'), onWait, body);
}

/**
 * A real Redis and a real TimescaleDB: those of the environment, else of a Docker engine, else of Debian packages in a
 * folder of their own. Starts only servers that don't run; safe to call twice at once.
 * @throws {StackError} naming the three ways when none is possible, or the failure of the one that is.
 */
export async function ensureStack(options: EnsureStackOptions = {}): Promise<StackAddresses> {
  const resolved = resolveOptions(options);
  const given = await givenAddresses(resolved);
  if (given !== undefined) return given;
  return locked(resolved, async () => {
    if (await dockerAnswers()) {
      if (options.fresh === true) await dockerDown(resolved, true);
      return dockerUp(resolved);
    }
    const unavailable = debianWayUnavailable();
    if (unavailable !== undefined) {
      throw new StackError(`no Redis and TimescaleDB here: no Docker engine answers, and ${unavailable}`, {
        remedy:
          'one of: set REDIS_HOST and POSTGRES_HOST (with ports and password) to running servers; ' +
          'start a Docker engine; run as root on Debian or Ubuntu',
      });
    }
    if (options.fresh === true) {
      await debianDown(resolved.stackDir);
      await debianWipe(resolved.stackDir);
    }
    return debianUp(resolved);
  });
}

/** Ends the servers that `ensureStack` started for this folder, no others. @returns how many servers ran. */
export async function stopStack(options: StackOptions = {}): Promise<number> {
  const resolved = resolveOptions(options);
  if (!existsSync(resolved.stackDir)) return 0;
  return locked(resolved, async () => {
    const viaDocker = existsSync(join(resolved.stackDir, 'docker.json')) && (await dockerAnswers());
    return (viaDocker ? await dockerDown(resolved, false) : 0) + (await debianDown(resolved.stackDir));
  });
}

/** The addresses of the stack if it is up; starts nothing. */
export async function findStack(options: StackOptions = {}): Promise<StackAddresses | undefined> {
  const resolved = resolveOptions(options);
  const given = await givenAddresses(resolved);
  if (given !== undefined) return given;
  const debian = await debianStatus(resolved.stackDir, resolved.postgresDb);
  if (debian !== undefined) return debian;
  const viaDocker = existsSync(join(resolved.stackDir, 'docker.json')) && (await dockerAnswers());
  return viaDocker ? dockerStatus(resolved) : undefined;
}

async function givenAddresses({ config, env, onProgress }: Resolved): Promise<StackAddresses | undefined> {
  const names = [
    ['REDIS_URL', 'REDIS_HOST'],
    ['POSTGRES_URL', 'POSTGRES_HOST'],
  ].map((pair) => pair.find((name) => (env[name] ?? '') !== ''));
  if (names.every((name) => name === undefined)) return undefined;
  const missing = names[0] === undefined ? 'REDIS_HOST' : names[1] === undefined ? 'POSTGRES_HOST' : undefined;
  if (missing !== undefined) {
    onProgress(`${names.find((name) => name !== undefined)} is set without ${missing}: not used`);
    return undefined;
  }
  const redis = config.redisUrl === undefined ? undefined : new URL(config.redisUrl);
  const postgres = config.postgresUrl === undefined ? undefined : new URL(config.postgresUrl);
  const addresses: StackAddresses = {
    redisHost: redis?.hostname ?? config.redisHost,
    redisPort: Number(redis?.port || config.redisPort),
    postgresHost: postgres?.hostname ?? config.postgresHost,
    postgresPort: Number(postgres?.port || config.postgresPort),
    postgresUser: decodeURIComponent(postgres?.username || config.postgresUser),
    postgresPassword: decodeURIComponent(postgres?.password || (config.postgresPassword ?? '')),
    postgresDb: decodeURIComponent(postgres?.pathname.slice(1) || config.postgresDb),
    way: 'environment',
  };
  const silent = [
    [addresses.redisHost, addresses.redisPort] as const,
    [addresses.postgresHost, addresses.postgresPort] as const,
  ].map(async ([host, port]) => ((await connects(host, port)) ? [] : [`${host}:${port}`]));
  const unreachable = (await Promise.all(silent)).flat();
  if (unreachable.length === 0) return addresses;
  onProgress(`${unreachable.join(' and ')}, given by the environment, cannot be reached: not used`);
  return undefined;
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(REACH_LIMIT_MS, () => done(false));
    socket.once('error', () => done(false));
    socket.once('connect', () => done(true));
  });
}
