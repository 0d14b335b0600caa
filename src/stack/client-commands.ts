import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensureDebianRoot } from './debian-root.ts';
import type { StackAddresses } from './stack-addresses.ts';

/** A program to run as it is: `spawn(file, args, { env: { ...process.env, ...env } })`. */
export interface ClientCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `psql` connected to the stack's database: the machine's own, else that of the Debian root, which sees no files of the
 * host (feed `\copy … from pstdin` through standard input).
 * @throws {StackError} when the machine has none and can't have the root either.
 */
export async function psqlCommand(addresses: StackAddresses): Promise<ClientCommand> {
  const env = {
    PGHOST: addresses.postgresHost,
    PGPORT: String(addresses.postgresPort),
    PGUSER: addresses.postgresUser,
    PGPASSWORD: addresses.postgresPassword,
    PGDATABASE: addresses.postgresDb,
  };
  return { ...(await locate('psql', '/usr/lib/postgresql/17/bin/psql')), env };
}

/** `redis-cli` connected to the stack's Redis. @throws {StackError} like {@link psqlCommand}. */
export async function redisCliCommand(addresses: StackAddresses): Promise<ClientCommand> {
  const { file, args } = await locate('redis-cli', '/usr/bin/redis-cli');
  return { file, args: [...args, '-h', addresses.redisHost, '-p', String(addresses.redisPort)], env: {} };
}

async function locate(name: string, inRoot: string): Promise<{ file: string; args: readonly string[] }> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => existsSync(folder));
  const folder = folders.find((each) => readdirSync(each).includes(name));
  if (folder !== undefined) return { file: join(folder, name), args: [] };
  const root = await ensureDebianRoot(() => undefined);
  return { file: 'chroot', args: [root, inRoot] };
}
