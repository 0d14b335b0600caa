import type { Client, Pool, QueryArrayResult } from 'pg';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import type { BarInterval } from '../market/bar-interval.ts';
import type { LastTick } from '../market/last-tick.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import { loadSql } from './sql-file.ts';

/** A tick as it is stored; `timeMicros` is integer microseconds since the Unix epoch. */
export interface StoredTick {
  readonly timeMicros: number;
  readonly price: number;
  readonly volume: number;
}

export interface TickPage {
  readonly ticks: readonly StoredTick[];
  /** Hand it back for the next page; undefined after the last. */
  readonly nextCursor: string | undefined;
}

/** A half-open range of times in microseconds: from inclusive, to exclusive. */
export interface MicrosRange {
  readonly fromMicros: number;
  readonly toMicros: number;
}

export interface BarQuery extends MicrosRange {
  readonly symbol: string;
  readonly interval: BarInterval;
  readonly limit: number;
  /** Latest first, so that the limit keeps the newest. Default: earliest first. */
  readonly newestFirst?: boolean;
}

export interface TickQuery extends MicrosRange {
  readonly symbol: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export type TopOrder = 'volume' | 'turnover' | 'trades';

export interface TopQuery {
  /** A day of the zone, `2025-12-01`; default: today there. */
  readonly day?: string | undefined;
  readonly limit: number;
  /** Default `volume`. */
  readonly by?: TopOrder;
}

export interface TopSymbol {
  readonly symbol: string;
  readonly trades: number;
  readonly volume: number;
  readonly turnoverMillionths: number;
}

const WIDTH_BY_INTERVAL: Readonly<Record<BarInterval, string>> = {
  '1m': '1 minute',
  '5m': '5 minutes',
  '15m': '15 minutes',
  '1h': '1 hour',
  '1d': '1 day',
};

/** Queries of the store, for the HTTP API and for the snapshot of live prices. Errors are `pg`'s, as they come. */
export class TickQueries {
  readonly #db: Client | Pool;
  readonly #prefix: string;
  readonly #timeZone: string;

  /** @param timeZone where a day begins, `config.barsTimeZone` */
  constructor(db: Client | Pool, prefix: string, timeZone: string) {
    this.#db = db;
    this.#prefix = prefix;
    this.#timeZone = timeZone;
  }

  /** Every symbol that has bars, sorted. */
  async symbols(): Promise<readonly string[]> {
    const { rows } = await this.#run('list-symbols', []);
    return z
      .array(z.tuple([z.string()]))
      .parse(rows)
      .map(([symbol]) => symbol);
  }

  /** The last tick of each of `symbols`, or of all; sorted. Symbols without ticks are missing. */
  async lastTicks(symbols?: readonly string[]): Promise<readonly LastTick[]> {
    const { rows } = await this.#run('read-last-ticks', [symbols ?? null]);
    const schema = z.tuple([z.string(), z.coerce.number(), z.number(), z.string().nullable()]);
    return z
      .array(schema)
      .parse(rows)
      .map(([symbol, timeMicros, price, volume]) => ({
        symbol,
        timeMicros,
        price,
        volume: volume === null ? undefined : Number(volume),
      }));
  }

  /** Bars whose start lies in the range. */
  async bars(query: BarQuery): Promise<readonly MinuteBar[]> {
    const { rows } = await this.#run('read-bars', [
      query.symbol,
      query.fromMicros,
      query.toMicros,
      WIDTH_BY_INTERVAL[query.interval],
      query.interval === '1d' ? this.#timeZone : null,
      query.limit,
      query.newestFirst === true,
    ]);
    return z.array(barSchema).parse(rows);
  }

  /** Every one-minute bar from a minute on, of all symbols: the minutes under way when a gateway starts. */
  async barsSince(minuteMicros: number): Promise<readonly MinuteBar[]> {
    const { rows } = await this.#run('read-bars-since', [minuteMicros]);
    return z.array(barSchema).parse(rows);
  }

  /**
   * A page of ticks in the order of time.
   * @throws {UsageError} when the cursor is not one that a page gave.
   */
  async ticks(query: TickQuery): Promise<TickPage> {
    const start = query.cursor === undefined ? { micros: query.fromMicros, passed: 0 } : parseCursor(query.cursor);
    const { rows } = await this.#run('read-ticks', [
      query.symbol,
      start.micros,
      query.toMicros,
      start.passed,
      query.limit,
    ]);
    const ticks = z.array(tickSchema).parse(rows);
    return { ticks, nextCursor: ticks.length < query.limit ? undefined : cursorAfter(ticks, start) };
  }

  /** The most traded symbols of a day. */
  async top(query: TopQuery): Promise<readonly TopSymbol[]> {
    const { rows } = await this.#run('read-top', [
      query.day ?? null,
      this.#timeZone,
      query.limit,
      query.by ?? 'volume',
    ]);
    return z.array(topSchema).parse(rows);
  }

  #run(name: string, values: readonly unknown[]): Promise<QueryArrayResult<unknown[]>> {
    const text = loadSql(`./sql/${name}.sql`, { prefix: this.#prefix });
    return this.#db.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
  }
}

const barSchema = z
  .tuple([
    z.string(),
    z.coerce.number(),
    z.number(),
    z.number(),
    z.number(),
    z.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
  ])
  .transform((row): MinuteBar => ({
    symbol: row[0],
    minuteMicros: row[1],
    open: row[2],
    high: row[3],
    low: row[4],
    close: row[5],
    volume: row[6],
    trades: row[7],
    turnoverMillionths: row[8],
    openMicros: row[9],
    closeMicros: row[10],
  }));

const tickSchema = z
  .tuple([z.coerce.number(), z.number(), z.coerce.number()])
  .transform(([timeMicros, price, volume]): StoredTick => ({ timeMicros, price, volume }));

const topSchema = z
  .tuple([z.string(), z.coerce.number(), z.coerce.number(), z.coerce.number()])
  .transform(([symbol, trades, volume, turnover]): TopSymbol => ({
    symbol,
    trades,
    volume,
    turnoverMillionths: turnover,
  }));

interface CursorPosition {
  readonly micros: number;
  /** Rows at `micros` that earlier pages gave. */
  readonly passed: number;
}

function parseCursor(cursor: string): CursorPosition {
  const match = /^(\d{1,16})\.(\d{1,15})$/.exec(cursor);
  if (match === null) {
    throw new UsageError('cursor: not one that a page of ticks gave', { remedy: 'hand back nextCursor unchanged' });
  }
  return { micros: Number(match[1]), passed: Number(match[2]) };
}

function cursorAfter(ticks: readonly StoredTick[], start: CursorPosition): string | undefined {
  const last = ticks.at(-1);
  if (last === undefined) return undefined;
  const tied = ticks.length - ticks.findIndex((tick) => tick.timeMicros === last.timeMicros);
  return `${last.timeMicros}.${last.timeMicros === start.micros ? start.passed + tied : tied}`;
}
