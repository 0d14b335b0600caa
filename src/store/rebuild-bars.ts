import type { Client } from 'pg';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { explainSchemaError } from './postgres-errors.ts';
import { loadSql } from './sql-file.ts';

export interface RebuildOptions {
  /** A day of `config.barsTimeZone` (`2025-12-01`), or an ISO-8601 time with a zone; default: the first tick. */
  readonly from?: string | undefined;
  /** A day, which is included, or a time, which is not; default: the last tick. */
  readonly to?: string | undefined;
  /** Also delete bars of these days that have no ticks (not those of days whose ticks retention dropped). */
  readonly deleteEmpty?: boolean;
  /** Called after each slice of at most a day. */
  readonly onSlice?: (done: number, total: number) => void;
}

export interface RebuildReport {
  /** Minutes that have ticks. */
  readonly minutes: number;
  /** Bars that differed from their ticks and were written. */
  readonly changed: number;
  /** Minutes with several prices at their first or last time, where ticks alone don't tell the order of arrival. */
  readonly ambiguous: number;
  /** Of those, the ones whose stored open and close are among the tied ticks and were kept. */
  readonly kept: number;
  /** Bars deleted because they had no ticks. */
  readonly deleted: number;
}

const sliceSchema = z.object({ slice_start: z.string(), slice_end: z.string(), columnar: z.boolean() });
const countsSchema = z.object({ minutes: z.number(), ambiguous: z.number(), kept: z.number(), changed: z.number() });

/**
 * Recomputes the one-minute bars from the ticks, a day at a time, each in a transaction that keeps writers out of
 * the ticks: a running flush is waited for, and the next one waits for at most a day's work.
 * @throws {UsageError} when a bound is no day or time; {StoreSchemaError}, {StoreUnavailableError}
 */
export async function rebuildBars(
  client: Client,
  config: Config,
  options: RebuildOptions = {},
): Promise<RebuildReport> {
  const prefix = config.ticksPrefix;
  const report = { minutes: 0, changed: 0, ambiguous: 0, kept: 0, deleted: 0 };
  try {
    const from = await readBound(client, config, 'from', options.from);
    const to = await readBound(client, config, 'to', options.to);
    const slices = await readSlices(client, prefix, from, to);
    for (const [index, slice] of slices.entries()) {
      const bounds = [slice.slice_start, slice.slice_end];
      await withoutWriters(client, prefix, async () => {
        const arrival = slice.columnar ? 'time' : 'ctid';
        const result = await client.query(loadSql('./sql/rebuild-bars.sql', { prefix, arrival }), bounds);
        const counts = countsSchema.parse(result.rows[0]);
        report.minutes += counts.minutes;
        report.changed += counts.changed;
        report.ambiguous += counts.ambiguous;
        report.kept += counts.kept;
        if (options.deleteEmpty === true) {
          const gone = await client.query(loadSql('./sql/delete-empty-bars.sql', { prefix }), bounds);
          report.deleted += gone.rowCount ?? 0;
        }
      });
      options.onSlice?.(index + 1, slices.length);
    }
  } catch (error) {
    throw explainSchemaError(error, config, 'rebuild-bars');
  }
  return report;
}

/** A whole minute, as text that PostgreSQL reads as timestamptz. */
async function readBound(
  client: Client,
  config: Config,
  name: 'from' | 'to',
  text: string | undefined,
): Promise<string | null> {
  if (text === undefined) return null;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d(:?\d\d)?)$/i.test(text);
  if ((!isDay && !isTime) || !isCalendarDay(text.slice(0, 10)) || Number.isNaN(Date.parse(text))) {
    throw new UsageError(`--${name}: ${JSON.stringify(text)} is neither a day nor a time with a zone`, {
      remedy: `write --${name} 2025-12-01 (a day in ${config.barsTimeZone}) or --${name} 2025-12-01T08:00:00Z`,
    });
  }
  const sql = isDay
    ? `SELECT (($1::date + $2::integer)::timestamp AT TIME ZONE $3)::text AS bound`
    : `SELECT (date_trunc('minute', $1::timestamptz) + CASE WHEN $2::integer = 1 AND date_trunc('minute', $1::timestamptz) < $1::timestamptz
                 THEN INTERVAL '1 minute' ELSE INTERVAL '0' END)::text AS bound WHERE $3::text IS NOT NULL`;
  const result = await client.query(sql, [text, name === 'to' ? 1 : 0, config.barsTimeZone]);
  return z.object({ bound: z.string() }).parse(result.rows[0]).bound;
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isCalendarDay(day: string): boolean {
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

async function readSlices(
  client: Client,
  prefix: string,
  from: string | null,
  to: string | null,
): Promise<ReadonlyArray<z.infer<typeof sliceSchema>>> {
  const result = await client.query(loadSql('./sql/rebuild-slices.sql', { prefix }), [from, to]);
  return z.array(sliceSchema).parse(result.rows);
}

async function withoutWriters(client: Client, prefix: string, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    // Not the coordinators' advisory lock: the leader keeps that between its transactions.
    await client.query(`LOCK TABLE ${prefix}_ticks IN SHARE MODE`);
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
