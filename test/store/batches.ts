import type { Client } from 'pg';
import { decodeBars, encodeBars } from '../../src/flush/bar-columns.ts';
import { MINUTE_MICROS, turnoverMillionths, type MinuteBar } from '../../src/market/minute-bar.ts';
import { upsertBars } from '../../src/store/upsert-bars.ts';

export interface TestTick {
  readonly symbol: string;
  readonly timeMicros: number;
  readonly price: number;
  readonly volume: number;
}

/** Stores ticks as a flush does, in the order of arrival: rows and bars in one transaction. */
export async function storeBatch(client: Client, prefix: string, ticks: readonly TestTick[]): Promise<void> {
  await client.query('BEGIN');
  await insertTicks(client, prefix, ticks);
  await mergeBars(client, prefix, barsOf(ticks));
  await client.query('COMMIT');
}

/** Merges bars as a flush does. @returns them as they are stored now */
export async function mergeBars(client: Client, prefix: string, bars: readonly MinuteBar[]): Promise<MinuteBar[]> {
  return decodeBars(bars, await upsertBars(client, prefix, encodeBars(bars)));
}

/** Rows alone, without their bars. */
export async function insertTicks(client: Client, prefix: string, ticks: readonly TestTick[]): Promise<void> {
  await client.query(
    `INSERT INTO ${prefix}_ticks (time, symbol, price, volume)
     SELECT timestamptz 'epoch' + micros * INTERVAL '1 microsecond', symbol, price, volume
     FROM unnest($1::bigint[], $2::text[], $3::double precision[], $4::bigint[]) AS t (micros, symbol, price, volume)`,
    [
      ticks.map((tick) => tick.timeMicros),
      ticks.map((tick) => tick.symbol),
      ticks.map((tick) => tick.price),
      ticks.map((tick) => tick.volume),
    ],
  );
}

/** Bars of one batch, sorted. Written apart from the flush's own builder, so that each can find the other wrong. */
export function barsOf(ticks: readonly TestTick[]): MinuteBar[] {
  const groups = new Map<string, TestTick[]>();
  for (const tick of ticks) {
    const minute = Math.floor(tick.timeMicros / MINUTE_MICROS) * MINUTE_MICROS;
    const key = `${tick.symbol} ${String(minute).padStart(17, '0')}`;
    groups.set(key, [...(groups.get(key) ?? []), tick]);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, group]) => barOfMinute(group));
}

function barOfMinute(group: readonly TestTick[]): MinuteBar {
  const opening = group.reduce((best, tick) => (tick.timeMicros < best.timeMicros ? tick : best));
  const closing = group.reduce((best, tick) => (tick.timeMicros >= best.timeMicros ? tick : best));
  return {
    symbol: opening.symbol,
    minuteMicros: Math.floor(opening.timeMicros / MINUTE_MICROS) * MINUTE_MICROS,
    open: opening.price,
    high: Math.max(...group.map((tick) => tick.price)),
    low: Math.min(...group.map((tick) => tick.price)),
    close: closing.price,
    volume: group.reduce((sum, tick) => sum + tick.volume, 0),
    trades: group.length,
    turnoverMillionths: group.reduce((sum, tick) => sum + turnoverMillionths(tick.price, tick.volume), 0),
    openMicros: opening.timeMicros,
    closeMicros: closing.timeMicros,
  };
}

/** A tape with many ties: few distinct times in a minute, prices that differ among them. */
export function tiedTape(symbols: readonly string[], startMicros: number, minutes: number): TestTick[] {
  let state = 20_251_201;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const ticks: TestTick[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    for (let i = 0; i < 12; i++) {
      ticks.push({
        symbol: symbols[random(symbols.length)] ?? 'A',
        timeMicros: startMicros + minute * MINUTE_MICROS + random(4) * 15_000_001,
        price: (4_000 + random(200)) / 100,
        volume: random(10_000),
      });
    }
  }
  return ticks;
}
