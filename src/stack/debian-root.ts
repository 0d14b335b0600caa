import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { debianMirrors } from './apt-mirrors.ts';
import { lastLines, runCommand } from './run-command.ts';
import { StackError } from './stack-error.ts';
import { withLock } from './stack-lock.ts';

const RELEASE = 'trixie';
const PACKAGES = ['postgresql-17-timescaledb', 'redis-server'];
/** Changes when the content of the root does, so that an older cache is not taken for it. */
const ROOT_NAME = `${RELEASE}-${process.arch}-2`;
const BUILD_LIMIT_MS = 30 * 60_000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** In a range that Debian’s policy keeps free of users. */
const FIRST_USER_ID = 65_100;
const SCRIPTS = '/usr/share/debootstrap/scripts';

type Progress = (line: string) => void;

/** Why this machine can't run servers from Debian packages; undefined when it can. */
export function debianWayUnavailable(): string | undefined {
  if (process.platform !== 'linux' || !existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) {
    return 'this is not Debian or Ubuntu';
  }
  if (process.getuid?.() !== 0) return 'it needs root (chroot and mounts of its own)';
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return 'mounts of its own are not permitted here';
  return undefined;
}

/** The machine-wide cache: several clones share one root. */
export function cacheFolder(): string {
  try {
    accessSync('/var/cache', constants.W_OK);
    return '/var/cache/tickgate';
  } catch {
    return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tickgate');
  }
}

/**
 * A Debian root with Redis and TimescaleDB, made on first use (half a minute) and kept.
 * Made under a lock and a temporary name, and renamed when complete: two at once or one killed half-way are safe.
 * @throws {StackError} when this machine can't, with the last lines of the program that failed.
 */
export async function ensureDebianRoot(onProgress: Progress): Promise<string> {
  const unavailable = debianWayUnavailable();
  if (unavailable !== undefined) {
    throw new StackError(`servers of our own need the Debian way: ${unavailable}`, {
      remedy: 'run as root on Debian or Ubuntu',
    });
  }
  const cache = cacheFolder();
  const root = join(cache, ROOT_NAME);
  if (existsSync(root)) return root;
  mkdirSync(cache, { recursive: true });
  const onWait = (): void => onProgress('another command is loading the packages: waiting for it');
  return withLock(join(cache, 'lock'), onWait, async () => {
    if (existsSync(root)) return root;
    for (const name of readdirSync(cache)) if (name.startsWith('building-')) await removeRoot(join(cache, name));
    const building = join(cache, `building-${process.pid}`);
    await installDebootstrap(onProgress);
    await build(building, onProgress);
    await rename(building, root);
    return root;
  });
}

async function removeRoot(folder: string): Promise<void> {
  // Node's own rm would follow a mount; this one can't leave the file system.
  await runCommand('rm', ['-rf', '--one-file-system', folder]);
}

async function installDebootstrap(onProgress: Progress): Promise<void> {
  if (existsSync('/usr/sbin/debootstrap') && existsSync(KEYRING)) return;
  onProgress('installing debootstrap');
  const apt = (...args: string[]): ReturnType<typeof runCommand> =>
    runCommand('apt-get', ['-y', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
  const install = ['install', '--no-install-recommends', 'debootstrap', 'debian-archive-keyring'];
  let result = await apt(...install);
  if (result.code !== 0) {
    await apt('update');
    result = await apt(...install);
  }
  if (result.code !== 0) {
    throw new StackError(`debootstrap could not be installed:\n${lastLines(result.output, 5)}`, {
      remedy: 'apt-get update && apt-get install debootstrap debian-archive-keyring',
    });
  }
}

async function build(target: string, onProgress: Progress): Promise<void> {
  const proxy = await runCommand('apt-config', ['dump', '--format', '%v', 'Acquire::http::Proxy']);
  const proxyUrl = proxy.stdout.trim();
  // Releases of debootstrap older than this Debian release know it under the name of the unstable one.
  const script = existsSync(join(SCRIPTS, RELEASE)) ? [] : [join(SCRIPTS, 'sid')];
  const failures: string[] = [];
  for (const mirror of debianMirrors()) {
    onProgress(`loading Redis and TimescaleDB packages of Debian ${RELEASE} from ${mirror} (once per machine)`);
    // Its mounts and processes live in namespaces that end with this process: nothing is left behind by a kill.
    const result = await runCommand(
      'setpriv',
      [
        ...'--pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child'.split(' '),
        ...`debootstrap --variant=minbase --include=${PACKAGES.join(',')} --keyring=${KEYRING}`.split(' '),
        RELEASE,
        target,
        mirror,
        ...script,
      ],
      {
        onLine: phaseReporter(onProgress),
        timeoutMs: BUILD_LIMIT_MS,
        env: proxyUrl !== '' && process.env['http_proxy'] === undefined ? { http_proxy: proxyUrl } : {},
      },
    );
    if (result.code === 0) {
      await separateUsers(target);
      await Promise.all([
        rm(join(target, 'var/cache/apt/archives'), { recursive: true, force: true }),
        // A cluster the package made for itself; nothing uses it.
        rm(join(target, 'var/lib/postgresql/17'), { recursive: true, force: true }),
        writeFile(join(target, 'etc/hosts'), '127.0.0.1 localhost\n'),
      ]);
      return;
    }
    failures.push(`from ${mirror}:\n${lastLines(result.output, 6)}`);
    await removeRoot(target);
  }
  throw new StackError(`the Debian packages could not be loaded ${failures.join('\n')}`, {
    remedy: 'see the lines above; or start a Docker engine; or set REDIS_HOST and POSTGRES_HOST to running servers',
  });
}

/** Gives the servers' users numbers that no user of the host has: a kill or a read by number stays among them. */
async function separateUsers(target: string): Promise<void> {
  for (const [index, name] of ['redis', 'postgres'].entries()) {
    const id = String(FIRST_USER_ID + index);
    for (const command of [
      ['groupmod', '--gid', id, name],
      ['usermod', '--uid', id, name],
    ]) {
      const result = await runCommand('chroot', [target, ...command]);
      if (result.code !== 0) throw new StackError(lastLines(result.output, 3), { remedy: 'run the command again' });
    }
  }
}

/** Turns debootstrap's hundreds of lines into one line per phase and per 25 packages. */
function phaseReporter(onProgress: Progress): (line: string) => void {
  const counts = { loaded: 0, configured: 0 };
  return (line) => {
    const phase = line.startsWith('I: Retrieving ') ? 'loaded' : 'configured';
    if (phase === 'configured' && !line.startsWith('I: Configuring ')) return;
    counts[phase] += 1;
    if (counts[phase] % 25 === 0) onProgress(`${counts[phase]} packages ${phase}`);
  };
}

/** The numeric user and group of a user of the root: the host knows other names or none for them. */
export function rootUser(root: string, name: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync(join(root, 'etc/passwd'), 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new StackError(`${root} has no user ${name}`, { remedy: `rm -rf --one-file-system ${root}` });
  }
  return { uid: Number(uid), gid: Number(gid) };
}
