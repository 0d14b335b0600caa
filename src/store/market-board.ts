import type { Client, Pool } from 'pg';
import { z } from 'zod';
import { loadSql } from './sql-file.ts';

/** What the bars of a day say of one symbol; volumes in shares, `turnoverMillionths` in millionths of the currency. */
export interface DayTrading {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly closeMicros: number;
  readonly volume: number;
  readonly trades: number;
  readonly turnoverMillionths: number;
}

/** A symbol as a board shows it. */
export interface BoardRow {
  readonly symbol: string;
  /** The last price before the day; undefined where the symbol is new. */
  readonly previous: { readonly close: number; readonly closeMicros: number } | undefined;
  /** Undefined where nothing was traded on that day. */
  readonly day: DayTrading | undefined;
}

export interface MarketBoard {
  /** `2025-12-01`, a day of the zone; undefined while nothing is stored. */
  readonly day: string | undefined;
  /** Its bounds in microseconds, begin inclusive, end exclusive; 0 while there are no rows. */
  readonly beginMicros: number;
  readonly endMicros: number;
  /** Sorted by symbol. */
  readonly rows: readonly BoardRow[];
}

const micros = z.coerce.number();
const previousSchema = z.tuple([z.number(), z.number()]).transform(([close, closeMicros]) => ({ close, closeMicros }));
const daySchema = z
  .tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number(), z.number(), z.number()])
  .transform(([open, high, low, close, closeMicros, volume, trades, turnoverMillionths]): DayTrading => ({
    open,
    high,
    low,
    close,
    closeMicros,
    volume,
    trades,
    turnoverMillionths,
  }));
const rowSchema = z.tuple([z.string(), micros, micros, z.string(), previousSchema.nullable(), daySchema.nullable()]);

/**
 * Every symbol with its last price before a day and its trading on it.
 * @param timeZone where a day begins, `config.barsTimeZone`
 * @param day default: the last day on which anything was traded
 * @throws what `pg` throws, as it comes
 */
export async function readBoard(
  db: Client | Pool,
  prefix: string,
  timeZone: string,
  day?: string,
): Promise<MarketBoard> {
  const text = loadSql('./sql/read-board.sql', { prefix });
  const { rows } = await db.query<unknown[]>({ text, values: [day ?? null, timeZone], rowMode: 'array' });
  const parsed = z.array(rowSchema).parse(rows);
  const [boardDay = day, beginMicros = 0, endMicros = 0] = parsed[0] ?? [];
  return {
    day: boardDay,
    beginMicros,
    endMicros,
    rows: parsed.map(([, , , symbol, previous, traded]) => ({
      symbol,
      previous: previous ?? undefined,
      day: traded ?? undefined,
    })),
  };
}
