import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { readStoreVersions } from '../../src/store/timescale-edition.ts';
import type { BenchContext } from './bench-context.ts';

/** Where and with what a bench ran. */
export interface MachineFacts {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly psql: string;
  readonly postgres: string;
  readonly timescaledb: string;
  readonly redis: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Load of the last minute before the bench began: above a few tenths, others were at work. */
  readonly loadBefore: number;
}

const POSTGRES_SETTINGS = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size'];
const REDIS_SETTINGS = ['appendonly', 'appendfsync', 'maxmemory-policy'];

export async function readMachineFacts(context: BenchContext): Promise<MachineFacts> {
  const { db, redis } = context.market;
  const settings: Record<string, string> = {};
  for (const name of POSTGRES_SETTINGS) {
    const { rows } = await db.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
    settings[name] = rows[0]?.value ?? '';
  }
  for (const name of REDIS_SETTINGS) {
    const pair: unknown = await redis.config('GET', name);
    settings[name] = Array.isArray(pair) ? String(pair[1]) : '';
  }
  const versions = await readStoreVersions(db);
  const [first] = cpus();
  return {
    processor: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    psql: execFileSync(context.psql.file, [...context.psql.args, '--version'], { encoding: 'utf8' }).trim(),
    postgres: versions.postgres,
    timescaledb: `${versions.timescale ?? 'none'}, ${versions.edition ?? 'no'} edition`,
    redis: /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '',
    settings,
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}
