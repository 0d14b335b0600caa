import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Client } from 'pg';
import type { ClientCommand } from '../../src/stack/client-commands.ts';
import { BackendUsage } from './backend-usage.ts';

/** One way of storing rows, measured. */
export interface StoreTiming {
  readonly wallSeconds: number;
  /** Processor time of the PostgreSQL backend; undefined where it cannot be seen. */
  readonly backendCpuSeconds: number | undefined;
}

/**
 * `psql \copy` of a binary file, as psql itself times it: the statement with its commit, without psql's start.
 * @throws {Error} with what psql said
 */
export async function psqlCopy(
  psql: ClientCommand,
  database: { readonly db: Client; readonly name: string; readonly table: string },
  path: string,
): Promise<StoreTiming> {
  const file = openSync(path, 'r');
  const usage = new BackendUsage(database.db, 'psql', 'its start');
  try {
    // The file comes as psql's own standard input, since a psql of a chroot sees no files of ours.
    const copy = `\\copy ${database.table} (time, symbol, price, volume) from pstdin with (format binary)`;
    const child = spawn(psql.file, [...psql.args, '-X', '-v', 'ON_ERROR_STOP=1', '-c', '\\timing on', '-c', copy], {
      env: { ...process.env, ...psql.env, PGDATABASE: database.name, PGAPPNAME: 'psql', LC_ALL: 'C' },
      stdio: [file, 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    await once(child, 'close');
    const milliseconds = /^Time: ([\d.]+) ms/m.exec(output)?.[1];
    if (child.exitCode !== 0 || milliseconds === undefined) throw new Error(`psql failed: ${output.trim()}`);
    return { wallSeconds: Number(milliseconds) / 1_000, backendCpuSeconds: await usage.stop() };
  } finally {
    await usage.stop();
    closeSync(file);
  }
}
