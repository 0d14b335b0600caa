import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DEBIAN_PYTHON = '/usr/bin/python3';
const PACKAGES = ['python3', 'python3-websockets', 'python3-msgpack'];
const CHECK = 'import sys, websockets, msgpack; assert sys.version_info >= (3, 11), sys.version';
const APT_LIMIT_MS = 150_000;

/** A Python that the adapter runs on, or the reason why there is none here. */
export type PythonSearch = { readonly python: string } | { readonly missing: string };

/**
 * TICKGATE_PYTHON, the `python3` of the PATH or the system's, whichever is 3.11 or newer and has websockets and msgpack.
 * Where none has them, they are installed from Debian's packages, if this is Debian and we are root.
 */
export async function findPython(): Promise<PythonSearch> {
  const given = process.env['TICKGATE_PYTHON'] ?? '';
  const candidates = given === '' ? ['python3', DEBIAN_PYTHON] : [given];
  const found = await firstFit(candidates);
  if (found !== undefined) return { python: found };
  const missing = `no Python 3.11 with websockets and msgpack (looked at ${candidates.join(', ')})`;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return { missing };
  try {
    await install();
  } catch (error) {
    return { missing: `${missing}; apt-get: ${error instanceof Error ? error.message : String(error)}` };
  }
  const installed = await firstFit([DEBIAN_PYTHON]);
  return installed === undefined ? { missing } : { python: installed };
}

async function firstFit(candidates: readonly string[]): Promise<string | undefined> {
  for (const python of candidates) {
    const fits = await run(python, ['-c', CHECK]).then(
      () => true,
      () => false,
    );
    if (fits) return python;
  }
  return undefined;
}

async function install(): Promise<void> {
  const options = { timeout: APT_LIMIT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const args = ['-qq', 'install', '-y', '--no-install-recommends', ...PACKAGES];
  // The lists may be old or not there: then they are fetched, and it is tried once more.
  await run('apt-get', args, options).catch(async () => {
    await run('apt-get', ['-qq', 'update'], options);
    await run('apt-get', args, options);
  });
}
