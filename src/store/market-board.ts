import type { Client, Pool } from 'pg';
import { z } from 'zod';
import type { DayTrading, MarketBoard } from '../market/market-board.ts';
import { loadSql } from './sql-file.ts';

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
 * @throws pg's errors as they come
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
