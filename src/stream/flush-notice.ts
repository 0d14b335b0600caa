import { Packr } from 'msgpackr';
import { z } from 'zod';
import type { MinuteBar } from '../market/minute-bar.ts';

/** How far a feed is durable, by the transaction that made it so. */
export interface CommittedFeed {
  readonly feed: string;
  readonly generation: string;
  readonly seq: number;
}

/** Notice that the coordinator publishes after each COMMIT. */
export interface FlushNotice {
  readonly feeds: readonly CommittedFeed[];
  readonly rows: number;
  readonly flushMs: number;
  readonly bars: readonly MinuteBar[];
}

const feedRow = z.tuple([z.string(), z.string(), z.number()]);
const barRow = z.tuple([
  z.string(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
]);
const noticeShape = z.tuple([z.array(feedRow), z.number(), z.number(), z.array(barRow)]);
const codec = new Packr({ useRecords: false, int64AsType: 'number' });

export function encodeFlushNotice(notice: FlushNotice): Buffer {
  return codec.pack([
    notice.feeds.map((each) => [each.feed, each.generation, each.seq]),
    notice.rows,
    notice.flushMs,
    notice.bars.map((bar) => [
      bar.symbol,
      bar.minuteMicros,
      bar.open,
      bar.high,
      bar.low,
      bar.close,
      bar.volume,
      bar.trades,
      bar.turnoverMillionths,
      bar.openMicros,
      bar.closeMicros,
    ]),
  ]);
}

/** @throws {z.ZodError} for bytes that are not a notice */
export function decodeFlushNotice(bytes: Buffer): FlushNotice {
  const [feeds, rows, flushMs, bars] = noticeShape.parse(codec.unpack(bytes));
  return {
    feeds: feeds.map(([feed, generation, seq]) => ({ feed, generation, seq })),
    rows,
    flushMs,
    bars: bars.map(
      ([
        symbol,
        minuteMicros,
        open,
        high,
        low,
        close,
        volume,
        trades,
        turnoverMillionths,
        openMicros,
        closeMicros,
      ]) => ({
        symbol,
        minuteMicros,
        open,
        high,
        low,
        close,
        volume,
        trades,
        turnoverMillionths,
        openMicros,
        closeMicros,
      }),
    ),
  };
}
