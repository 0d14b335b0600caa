import type { Client } from 'pg';
import { InvariantError } from '../errors.ts';
import type { MinuteBar } from '../protocol/minute-bar.ts';
import { loadSql } from './sql-file.ts';

/** The row of the bars table after an upsert; `volume` and `turnoverMillionths` are rounded above 2^53. */
export type StoredBar = MinuteBar;

const sqlByPrefix = new Map<string, string>();

/**
 * Merges the bars of one batch into the stored ones and returns them as they are stored now, in the same order. Runs
 * inside the caller's transaction.
 * @param bars sorted by (symbol, minute), symbols compared by code unit, each pair once.
 * @throws {InvariantError} when they are not; `pg`'s errors as they come.
 */
export async function upsertBars(client: Client, prefix: string, bars: readonly MinuteBar[]): Promise<StoredBar[]> {
  if (bars.length === 0) return [];
  refuseUnsorted(bars);
  let sql = sqlByPrefix.get(prefix);
  if (sql === undefined) {
    sql = loadSql('./sql/upsert-bars.sql', { prefix });
    sqlByPrefix.set(prefix, sql);
  }
  const result = await client.query<BarRow>({
    name: `tickgate_upsert_bars_${prefix}`,
    text: sql,
    values: columnsOf(bars),
    rowMode: 'array',
  });
  return result.rows.map(barOf);
}

/** Columns of the RETURNING list: PostgreSQL sends bigint and numeric as text. */
type BarRow = [
  symbol: string,
  minute: string,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: string,
  trades: string,
  turnover: string,
  openAt: string,
  closeAt: string,
];

function barOf(row: BarRow): StoredBar {
  return {
    symbol: row[0],
    minuteMicros: Number(row[1]),
    open: row[2],
    high: row[3],
    low: row[4],
    close: row[5],
    volume: Number(row[6]),
    trades: Number(row[7]),
    turnoverMillionths: Number(row[8]),
    openMicros: Number(row[9]),
    closeMicros: Number(row[10]),
  };
}

function refuseUnsorted(bars: readonly MinuteBar[]): void {
  for (let i = 1; i < bars.length; i++) {
    const before = bars[i - 1];
    const bar = bars[i];
    if (before === undefined || bar === undefined) continue;
    if (before.symbol < bar.symbol || (before.symbol === bar.symbol && before.minuteMicros < bar.minuteMicros)) {
      continue;
    }
    throw new InvariantError('bars of a flush must be sorted by symbol and minute, each pair once');
  }
}

/** Array literals, written here: `pg` would quote and escape each of the 110,000 values of a large flush. */
function columnsOf(bars: readonly MinuteBar[]): string[] {
  const numbers = (pick: (bar: MinuteBar) => number): string => `{${bars.map(pick).join(',')}}`;
  return [
    `{${bars.map((bar) => quoteElement(bar.symbol)).join(',')}}`,
    numbers((bar) => bar.minuteMicros),
    numbers((bar) => bar.open),
    numbers((bar) => bar.high),
    numbers((bar) => bar.low),
    numbers((bar) => bar.close),
    numbers((bar) => bar.volume),
    numbers((bar) => bar.trades),
    numbers((bar) => bar.turnoverMillionths),
    numbers((bar) => bar.openMicros),
    numbers((bar) => bar.closeMicros),
  ];
}

function quoteElement(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}
