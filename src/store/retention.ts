import type { Client, Pool } from 'pg';
import type { Config } from '../config.ts';

const DAY_MS = 86_400_000;

/**
 * Drops the chunks of ticks whose every tick is older than `config.retentionDays`; bars stay. Does nothing when
 * retention is off (0 days).
 * @param nowMs Unix time in milliseconds.
 * @returns the names of the chunks dropped.
 */
export async function dropOldChunks(db: Client | Pool, config: Config, nowMs: number): Promise<readonly string[]> {
  if (config.retentionDays === 0) return [];
  const olderThan = new Date(nowMs - config.retentionDays * DAY_MS).toISOString();
  const result = await db.query<[string]>({
    text: `SELECT drop_chunks('${config.ticksPrefix}_ticks', older_than => $1::timestamptz)`,
    values: [olderThan],
    rowMode: 'array',
  });
  return result.rows.map(([name]) => name);
}
