import { join } from 'node:path';
import type { ClientCommand } from '../../src/stack/client-commands.ts';
import type { TestMarket } from '../support/test-market.ts';
import type { BenchGateway } from './bench-gateway.ts';
import type { MeasuredCode } from './measured-code.ts';
import type { BenchSize } from './bench-size.ts';
import { type RowSequence, writeCopyFile } from './copy-file.ts';
import type { TickShape } from './bench-ticks.ts';
import type { ProcessProfile } from './profiled-process.ts';
import { psqlCopy, type StoreTiming } from './psql-copy.ts';

/** What all parts of a bench share: a deployment of its own on the real stack, and psql. */
export interface BenchContext {
  readonly market: TestMarket;
  readonly psql: ClientCommand;
  readonly size: BenchSize;
  readonly code: MeasuredCode;
  /** For files; gone afterwards. */
  readonly folder: string;
  readonly say: (line: string) => void;
  /** Given where gateways and flushes are to be profiled. */
  readonly onProfile: ((part: string, profile: ProcessProfile) => void) | undefined;
}

/** Empties the tables (which drops their chunks) and writes all dirty pages out, so that each measure begins alike. */
export async function freshTables({ market }: BenchContext): Promise<void> {
  const { prefix } = market;
  await market.db.query(`TRUNCATE ${prefix}_ticks, ${prefix}_bars_1m, ${prefix}_feed_watermarks`);
  await market.db.query('CHECKPOINT');
}

/** Takes everything of this deployment out of Redis. */
export async function emptyBuffer({ market }: BenchContext): Promise<void> {
  const keys = await market.redis.keys(`{${market.prefix}}:*`);
  if (keys.length > 0) await market.redis.del(...keys);
}

/** `psql \copy` of prepared rows into the ticks. */
export function copyRows({ market, psql }: BenchContext, path: string): Promise<StoreTiming> {
  const database = { db: market.db, name: market.config.postgresDb, table: `${market.prefix}_ticks` };
  return psqlCopy(psql, database, path);
}

/** Rows as a file for COPY, in the bench's own folder. */
export function copyFileOf(context: BenchContext, rows: number, shape: TickShape, sequence: RowSequence): string {
  const path = join(context.folder, `${sequence}.copy`);
  writeCopyFile(path, rows, shape, sequence);
  return path;
}

/** Bytes of Redis memory that the stream takes. */
export async function streamBytes({ market }: BenchContext): Promise<number> {
  return Number(await market.redis.memory('USAGE', `{${market.prefix}}:ticks:stream`, 'SAMPLES', 0));
}

/** Ends a gateway and hands its profile over. */
export async function stopProfiled(context: BenchContext, gateway: BenchGateway, part: string): Promise<void> {
  const profile = await gateway.stop();
  if (profile !== undefined) context.onProfile?.(part, profile);
}

/** Settings of a gateway that takes everything and flushes nothing. */
export const UNBOUNDED: Readonly<Record<string, string>> = {
  BUFFER_MAX_TICKS: '1000000000',
  WINDOW_TICKS: '100000000',
  WINDOW_FRAMES: '10000000',
};
