import type { Client, Pool } from 'pg';
import { z } from 'zod';
import { loadSql } from './sql-file.ts';

/** How far a feed is durable. */
export interface ListedFeed {
  readonly feed: string;
  /** Every frame up to it is durable. */
  readonly seq: number;
  readonly generation: string;
  /** Instance that sent the frame `seq`. */
  readonly writer: string;
  readonly updatedMs: number;
}

/** A tick that could not be stored. */
export interface ListedRejection {
  readonly feed: string;
  readonly seq: number;
  /** Index of the tick in its frame, from 0. */
  readonly index: number;
  readonly reason: string;
  /** The tick as the buffer held it. */
  readonly raw: Buffer;
  readonly rejectedMs: number;
}

/** A gap that a feed declared. */
export interface ListedGap {
  readonly feed: string;
  /** The gap lies after this frame … */
  readonly afterSeq: number;
  /** … up to and including this one. */
  readonly nextSeq: number;
  readonly declaredMs: number;
}

/** The latest rows, and how many there are. */
export interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

export interface ListingQuery {
  readonly feed?: string | undefined;
  readonly limit: number;
}

const count = z.coerce.number();

/** Watermarks of all feeds. */
export async function listFeeds(db: Client | Pool, prefix: string): Promise<readonly ListedFeed[]> {
  const result = await db.query(loadSql('./sql/list-feeds.sql', { prefix }));
  const schema = z
    .object({ feed: z.string(), seq: count, generation: z.string(), writer: z.string(), updated_ms: count })
    .transform(({ updated_ms: updatedMs, ...row }): ListedFeed => ({ ...row, updatedMs }));
  return z.array(schema).parse(result.rows);
}

/**
 * Forgets how far a feed is durable: its next open begins at 0, and frames that it sends again are stored again.
 * @returns the seq that was forgotten; undefined when there is no such feed.
 */
export async function resetFeed(db: Client | Pool, prefix: string, feed: string): Promise<number | undefined> {
  const result = await db.query(`DELETE FROM ${prefix}_feed_watermarks WHERE feed = $1 RETURNING seq`, [feed]);
  return z.array(z.object({ seq: count })).parse(result.rows)[0]?.seq;
}

/** Ticks that could not be stored. */
export async function listRejected(
  db: Client | Pool,
  prefix: string,
  query: ListingQuery,
): Promise<Listing<ListedRejection>> {
  const result = await db.query(loadSql('./sql/list-rejected.sql', { prefix }), [query.feed ?? null, query.limit]);
  const schema = z.object({
    feed: z.string(),
    seq: count,
    idx: z.number(),
    reason: z.string(),
    raw: z.instanceof(Buffer),
    rejected_ms: count,
    total: count,
  });
  const found = z.array(schema).parse(result.rows);
  const rows = found.map(({ feed, seq, idx, reason, raw, rejected_ms: rejectedMs }) => ({
    feed,
    seq,
    index: idx,
    reason,
    raw,
    rejectedMs,
  }));
  return { rows, total: found[0]?.total ?? 0 };
}

/** Gaps that feeds have declared. */
export async function listGaps(db: Client | Pool, prefix: string, query: ListingQuery): Promise<Listing<ListedGap>> {
  const result = await db.query(loadSql('./sql/list-gaps.sql', { prefix }), [query.feed ?? null, query.limit]);
  const schema = z.object({ feed: z.string(), after_seq: count, next_seq: count, declared_ms: count, total: count });
  const found = z.array(schema).parse(result.rows);
  const rows = found.map(({ feed, after_seq: afterSeq, next_seq: nextSeq, declared_ms: declaredMs }) => ({
    feed,
    afterSeq,
    nextSeq,
    declaredMs,
  }));
  return { rows, total: found[0]?.total ?? 0 };
}
