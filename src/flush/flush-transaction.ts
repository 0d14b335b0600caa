import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { Client, QueryResult } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { MinuteBar } from '../market/minute-bar.ts';
import { decodeBars } from './bar-columns.ts';
import type { Watermark } from './chain-filter.ts';
import type { FlushBatch } from './batch-planner.ts';

/** A tick that goes to the table of rejected ticks. */
export interface RejectedRow {
  readonly feed: string;
  readonly seq: number;
  readonly index: number;
  readonly reason: string;
  readonly raw: Buffer;
}

/** One batch, encoded for its transaction. */
export interface EncodedBatch {
  readonly batch: FlushBatch;
  /** COPY BINARY bytes of `rows` ticks. */
  readonly copyBytes: Buffer;
  readonly rows: number;
  readonly bars: readonly MinuteBar[];
  /** The bars again, as the store takes them. */
  readonly barColumns: readonly Buffer[];
  readonly rejected: readonly RejectedRow[];
}

export type TransactionResult =
  /** Stored and durable. `reached`: the watermarks as the transaction itself returned them. */
  | {
      readonly outcome: 'committed';
      readonly reached: ReadonlyMap<string, number>;
      readonly bars: readonly MinuteBar[];
    }
  /** Another coordinator is in its transaction. Nothing was written. */
  | { readonly outcome: 'no-lock' }
  /** The rows are not as the batch assumed. Nothing was written. */
  | { readonly outcome: 'stale'; readonly rows: ReadonlyMap<string, Watermark> };

/** The store's part of the transaction. */
export interface FlushStore {
  readonly prefix: string;
  readonly lockKey: readonly [number, number];
  /** Statements for the start of a transaction, after BEGIN: `SET LOCAL …`. */
  settingsFor(batch: FlushBatch): string;
  /** The table that the batch's ticks are copied into: the ticks, or a part of them that takes them faster. */
  copyTarget(client: Client, batch: FlushBatch): Promise<string>;
  /** Merges bars, in this transaction, and returns them as they are stored now; both as in bar-columns.ts. */
  upsertBars(client: Client, barColumns: readonly Buffer[]): Promise<readonly Buffer[]>;
}

/** A failed COMMIT: PostgreSQL answers it with ROLLBACK and no error. */
export class NotCommittedError extends Error {
  override readonly name = 'NotCommittedError';
}

/**
 * Bytes of one CopyData message. PostgreSQL counts a message when it has all of it, and a standby ends a coordinator
 * whose COPY has not moved for 3 s: at 32 KiB even a link of 11 KB a second counts as moving.
 */
const MESSAGE_BYTES = 32 * 1024;
/**
 * Write-ahead of a COPY: bytes given to the socket before we wait. With the 16 KiB of an ordinary socket every message
 * takes two system calls, and wakes PostgreSQL twice: a quarter of the time of both.
 */
export const WRITE_AHEAD_BYTES: number = 512 * 1024;

/**
 * Runs one flush as one READ COMMITTED transaction on a client that nobody else uses: lock, rows, COPY, rejected
 * ticks, gaps, bars, compare-and-set, COMMIT. Talks to nobody but PostgreSQL between BEGIN and COMMIT.
 *
 * @param onCopying called, maybe several times, whenever the write-ahead is full: there is time for other work
 * @throws what PostgreSQL or the connection throws, after a ROLLBACK where one is possible. A thrown error may hide a
 *   commit: the caller reads the rows again instead of guessing.
 */
export async function runFlushTransaction(
  client: Client,
  store: FlushStore,
  encoded: EncodedBatch,
  onCopying: () => void = () => undefined,
): Promise<TransactionResult> {
  const begun = await begin(client, store, encoded.batch);
  if (!begun) {
    await client.query('ROLLBACK');
    return { outcome: 'no-lock' };
  }
  try {
    const rows = await lockRows(client, store.prefix, encoded.batch);
    if (!sameRows(rows, encoded.batch.assumed)) {
      await client.query('ROLLBACK');
      return { outcome: 'stale', rows };
    }
    if (encoded.rows > 0)
      await copyTicks(client, await store.copyTarget(client, encoded.batch), encoded.copyBytes, onCopying);
    if (encoded.rejected.length > 0) await insertRejected(client, store.prefix, encoded.rejected);
    await insertGaps(client, store.prefix, encoded.batch);
    const stored = encoded.bars.length > 0 ? await store.upsertBars(client, encoded.barColumns) : undefined;
    const advancing = advance(client, store.prefix, encoded.batch);
    // Bars are decoded while PostgreSQL works on; an error in them still rolls everything back.
    const reading = stored === undefined ? [] : inTurn(() => decodeBars(encoded.bars, stored));
    const [reached, bars] = await Promise.all([advancing, reading]);
    await commit(client);
    return { outcome: 'committed', reached, bars };
  } catch (error) {
    // Where the connection is gone this fails too, and PostgreSQL rolls back by itself.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Runs `work` at once, and turns its exception into a rejection, for a `Promise.all`. */
async function inTurn<T>(work: () => T): Promise<T> {
  return work();
}

async function begin(client: Client, store: FlushStore, batch: FlushBatch): Promise<boolean> {
  const [key1, key2] = store.lockKey;
  const text = `BEGIN ISOLATION LEVEL READ COMMITTED; ${store.settingsFor(batch)} SELECT pg_try_advisory_xact_lock(${key1}, ${key2}) AS locked`;
  const answer: unknown = await client.query(text);
  const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer;
  return isResult(last) && last.rows[0]?.['locked'] === true;
}

function isResult(value: unknown): value is QueryResult<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && 'rows' in value && Array.isArray(value.rows);
}

async function lockRows(client: Client, prefix: string, batch: FlushBatch): Promise<Map<string, Watermark>> {
  const { rows } = await client.query<{ feed: string; seq: string; generation: string }>({
    name: 'tickgate_flush_rows',
    text: `SELECT feed, seq, generation FROM ${prefix}_feed_watermarks WHERE feed = ANY($1) ORDER BY feed FOR NO KEY UPDATE`,
    values: [[...batch.assumed.keys()]],
  });
  return new Map(rows.map((row) => [row.feed, { seq: Number(row.seq), generation: row.generation }]));
}

function sameRows(actual: ReadonlyMap<string, Watermark>, assumed: ReadonlyMap<string, Watermark>): boolean {
  for (const [feed, row] of assumed) {
    const now = actual.get(feed);
    if (now === undefined || now.seq !== row.seq || now.generation !== row.generation) return false;
  }
  return true;
}

async function copyTicks(
  client: Client,
  table: string,
  bytes: Buffer,
  onCopying: () => void = () => undefined,
): Promise<void> {
  const stream = client.query(
    copyFrom(`COPY ${table} (time, symbol, price, volume) FROM STDIN (FORMAT binary)`, {
      highWaterMark: WRITE_AHEAD_BYTES,
    }),
  );
  // Our own flag: after a server's error the stream still claims to be writable, and a write would throw. The listener
  // stays, because a stream whose connection is gone may emit a second error later.
  const state = { failed: false };
  stream.on('error', () => (state.failed = true));
  const done = finished(stream);
  const settled = done.then(
    () => undefined,
    () => undefined,
  );
  for (let at = 0; at < bytes.length && !state.failed; at += MESSAGE_BYTES) {
    const goesOn = stream.write(bytes.subarray(at, at + MESSAGE_BYTES));
    if (!goesOn) {
      onCopying();
      await Promise.race([once(stream, 'drain').catch(() => undefined), settled]);
    }
  }
  if (!state.failed) stream.end();
  onCopying();
  await done;
}

/**
 * Probes a COPY and rolls it back: whether PostgreSQL would refuse these bytes.
 * @throws the refusal
 */
export async function probeCopy(client: Client, store: FlushStore, bytes: Buffer): Promise<void> {
  await client.query('BEGIN');
  try {
    await copyTicks(client, `${store.prefix}_ticks`, bytes);
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
  }
}

async function insertRejected(client: Client, prefix: string, rejected: readonly RejectedRow[]): Promise<void> {
  await client.query({
    name: 'tickgate_flush_rejected',
    text: `INSERT INTO ${prefix}_ticks_rejected (feed, seq, idx, reason, raw)
           SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::bytea[])`,
    values: [
      rejected.map((row) => row.feed),
      rejected.map((row) => row.seq),
      rejected.map((row) => row.index),
      rejected.map((row) => row.reason),
      rejected.map((row) => row.raw),
    ],
  });
}

async function insertGaps(client: Client, prefix: string, batch: FlushBatch): Promise<void> {
  const gaps = batch.frames.filter((taken) => taken.frame.skip);
  if (gaps.length === 0) return;
  await client.query({
    name: 'tickgate_flush_gaps',
    text: `INSERT INTO ${prefix}_feed_gaps (feed, after_seq, next_seq) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])`,
    values: [gaps.map((gap) => gap.feed), gaps.map((gap) => gap.frame.prev), gaps.map((gap) => gap.frame.seq)],
  });
}

/** The compare-and-set. A row missing in the answer rolls everything back. */
async function advance(client: Client, prefix: string, batch: FlushBatch): Promise<Map<string, number>> {
  const { advances } = batch;
  const { rows } = await client.query<{ feed: string; seq: string }>({
    name: 'tickgate_flush_advance',
    text: `UPDATE ${prefix}_feed_watermarks AS row SET seq = step.last, writer = step.writer, updated_at = now()
           FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) AS step (feed, generation, first, last, writer)
           WHERE row.feed = step.feed AND row.generation = step.generation AND row.seq = step.first
           RETURNING row.feed, row.seq`,
    values: [
      advances.map((each) => each.feed),
      advances.map((each) => each.generation),
      advances.map((each) => each.from),
      advances.map((each) => each.to),
      advances.map((each) => each.writer),
    ],
  });
  if (rows.length !== advances.length) throw new NotCommittedError('a watermark moved under the flush');
  return new Map(rows.map((row) => [row.feed, Number(row.seq)]));
}

async function commit(client: Client): Promise<void> {
  const result = await client.query('COMMIT');
  if (result.command !== 'COMMIT') throw new NotCommittedError(`COMMIT was answered with ${result.command}`);
}

/** The line of a COPY that an error names: `COPY egx_ticks, line 17 …`. */
export function copyLineOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('where' in error) || typeof error.where !== 'string')
    return undefined;
  const line = /^COPY [^,]+, line (\d+)/m.exec(error.where)?.[1];
  return line === undefined ? undefined : Number(line);
}
