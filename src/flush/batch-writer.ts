import type { Client } from 'pg';
import { flushLogger } from '../logger.ts';
import type { BatchEncoder } from './batch-encoder.ts';
import type { FlushBatch } from './batch-planner.ts';
import {
  copyLineOf,
  type EncodedBatch,
  type FlushStore,
  probeCopy,
  runFlushTransaction,
  type TransactionResult,
} from './flush-transaction.ts';
import { orderRows, rowOfLine } from './row-order.ts';

export type ErrorClass = 'retry' | 'bad-tick' | 'schema-drift';

/** Refused ticks of one flush, at most. More, or more than half of its ticks, mean a table that changed. */
const MAX_REFUSED_TICKS = 100;

/** Schema drift: the table is not the one we write to. Flushing stops until somebody mends it; nothing is rejected meanwhile. */
export class SchemaDriftError extends Error {
  override readonly name = 'SchemaDriftError';
}

export interface BatchWriterOptions {
  readonly store: FlushStore & RefusalRules;
  readonly encoder: BatchEncoder;
  /** See {@link runFlushTransaction}. */
  readonly onCopying?: () => void;
}

/** The store's rules for errors of PostgreSQL. */
export interface RefusalRules {
  classify(error: unknown): ErrorClass;
  /** One line for logs and for the `reason` of a rejected tick, without the row's content. */
  describeRefusal(error: unknown): string;
  /**
   * Falls back to the hypertable after a refusal: for a while ticks are copied into no chunk directly, since only the
   * hypertable's own refusal counts.
   * @returns whether that is a change
   */
  fallBackToHypertable(): boolean;
}

/**
 * Stores a batch. Single ticks that the database refuses (a user's CHECK, a trigger) go to the rejected ticks, in the
 * same transaction as the others.
 * @throws {SchemaDriftError}; any other error of PostgreSQL or the connection, as it is: to be tried again later
 */
export async function writeBatch(
  client: Client,
  first: EncodedBatch,
  options: BatchWriterOptions,
): Promise<{ readonly result: TransactionResult; readonly written: EncodedBatch }> {
  const refused = new Map<number, string>();
  let encoded = first;
  for (;;) {
    try {
      return { result: await runFlushTransaction(client, options.store, encoded, options.onCopying), written: encoded };
    } catch (error) {
      const kind = options.store.classify(error);
      if (kind === 'retry') throw error;
      if (options.store.fallBackToHypertable()) continue;
      if (kind === 'schema-drift') throw new SchemaDriftError(options.store.describeRefusal(error), { cause: error });
      const row = await findRefusedRow(client, encoded, refused, error, options);
      if (row === undefined) throw new SchemaDriftError(options.store.describeRefusal(error), { cause: error });
      refused.set(row, `refused_by_database: ${options.store.describeRefusal(error)}`);
      const { length } = encoded.batch.columns;
      if (refused.size > MAX_REFUSED_TICKS || (refused.size * 2 > length && length > 1)) {
        throw new SchemaDriftError(
          `${refused.size} of ${length} ticks refused: ${options.store.describeRefusal(error)}`,
          {
            cause: error,
          },
        );
      }
      flushLogger.warn(
        { refused: refused.size, reason: options.store.describeRefusal(error) },
        'the database refuses a tick',
      );
      encoded = options.encoder.encode(encoded.batch, refused);
    }
  }
}

async function findRefusedRow(
  client: Client,
  encoded: EncodedBatch,
  refused: ReadonlyMap<number, string>,
  error: unknown,
  options: BatchWriterOptions,
): Promise<number | undefined> {
  const line = copyLineOf(error);
  const order = orderRows(encoded.batch.columns);
  const named = line === undefined ? undefined : rowOfLine(order, new Set(refused.keys()), line);
  if (named !== undefined && (await isRefused(client, encoded.batch, [named], options))) return named;
  const candidates = [...order.rows].filter((row) => !refused.has(row));
  return bisect(client, encoded.batch, candidates, options);
}

/** The first row that is refused among `rows`, which are refused together; undefined when none is by itself. */
async function bisect(
  client: Client,
  batch: FlushBatch,
  rows: readonly number[],
  options: BatchWriterOptions,
): Promise<number | undefined> {
  let suspects = rows;
  if (!(await isRefused(client, batch, suspects, options))) return undefined;
  while (suspects.length > 1) {
    const firstHalf = suspects.slice(0, suspects.length >>> 1);
    suspects = (await isRefused(client, batch, firstHalf, options)) ? firstHalf : suspects.slice(firstHalf.length);
  }
  const last = suspects[0];
  return last !== undefined && (await isRefused(client, batch, [last], options)) ? last : undefined;
}

async function isRefused(
  client: Client,
  batch: FlushBatch,
  rows: readonly number[],
  options: BatchWriterOptions,
): Promise<boolean> {
  try {
    await probeCopy(client, options.store, options.encoder.encodeOnly(batch, new Set(rows)));
    return false;
  } catch (error) {
    if (options.store.classify(error) !== 'bad-tick') throw error;
    return true;
  }
}
