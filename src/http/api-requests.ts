import { z } from 'zod';
import { DAY_MICROS, isSymbol, MAX_SYMBOL_LENGTH, MIN_TIME_MICROS, parseIsoMicros } from '../protocol/tick.ts';

/** What the routes are asked for, parsed from the query of the address. Unknown and repeated names are refused. */
export type ApiInterval = '1m' | '5m' | '15m' | '1h' | '1d';
export type ApiTopOrder = 'volume' | 'turnover' | 'trades';

export interface LastRequest {
  readonly symbols?: readonly string[] | undefined;
}
export interface BarsRequest {
  readonly symbol: string;
  readonly interval: ApiInterval;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit: number;
}
export interface TicksRequest {
  readonly symbol: string;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}
export interface TopRequest {
  readonly date?: string | undefined;
  readonly by: ApiTopOrder;
  readonly limit: number;
}
export interface BoardRequest {
  readonly date?: string | undefined;
}

const MAX_BARS = 10_000;
const MAX_TICKS = 10_000;
const MAX_SYMBOLS = 1_000;
/** 2100-01-01T00:00:00Z: later ends are typing errors. */
const MAX_TIME_MICROS = 4_102_444_800_000_000;
const TIME_FORM = 'must be a time with a zone such as 2025-12-01T08:00:00Z, or whole microseconds since 1970';

const symbol = z
  .string()
  .min(1)
  .max(MAX_SYMBOL_LENGTH)
  .refine(isSymbol, 'must be a symbol: letters, digits and . _ : ~ = ^ + / - only')
  .meta({ description: 'a symbol', examples: ['COMI'] });

const symbols = z
  .string()
  .max(MAX_SYMBOLS * (MAX_SYMBOL_LENGTH + 1))
  .transform((text, context) => {
    const names = [...new Set(text.split(','))];
    if (names.every(isSymbol) && names.length <= MAX_SYMBOLS) return names;
    context.addIssue({ code: 'custom', message: `must be symbols with commas between them, ${MAX_SYMBOLS} at most` });
    return z.NEVER;
  })
  .meta({ description: 'symbols with commas between them; default: all', examples: ['COMI,SWDY'] });

const time = (what: string) =>
  z
    .string()
    .max(64)
    .transform((text, context) => {
      const micros = parseTime(text);
      if (micros >= 0 && micros <= MAX_TIME_MICROS) return micros;
      context.addIssue({ code: 'custom', message: TIME_FORM });
      return z.NEVER;
    })
    .meta({
      description: `${what}; RFC 3339 with a zone, or whole microseconds since 1970`,
      examples: ['2025-12-01T08:00:00Z'],
    });

const date = (fallback: string) =>
  z.iso
    .date('must be a day such as 2025-12-01')
    .refine((text) => text >= '2000-01-01' && text < '2100-01-01', 'must lie between 2000 and 2099')
    .meta({ description: `a day in the exchange's time zone; default: ${fallback}`, examples: ['2025-12-01'] });

const limit = (most: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from 1 to ${most}`)
    .transform(Number)
    .refine((count) => count >= 1 && count <= most, `must be a whole number from 1 to ${most}`)
    .default(fallback)
    .meta({ description: `how many, from 1 to ${most}; default ${fallback}`, examples: [String(fallback)] });

const from = time('from when on, inclusive').optional();
const to = time('until when, exclusive').optional();

interface Range {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}
const isForward = (range: Range): boolean =>
  range.from === undefined || range.to === undefined || range.from < range.to;
const BACKWARD = { path: ['to'], message: 'must be later than from' };

export const lastRequest: z.ZodType<LastRequest> = z.strictObject({ symbols: symbols.optional() });

export const barsRequest: z.ZodType<BarsRequest> = z
  .strictObject({
    symbol,
    interval: z
      .enum(['1m', '5m', '15m', '1h', '1d'])
      .default('1m')
      .meta({ description: 'width of a bar; a day begins at midnight of the exchange' }),
    from: from.meta({
      description: 'first bar begins then or later; without it the newest bars before `to` are given',
    }),
    to,
    limit: limit(MAX_BARS, 500),
  })
  .refine(isForward, BACKWARD);

export const ticksRequest: z.ZodType<TicksRequest> = z
  .strictObject({
    symbol,
    from: from.meta({ description: 'from when on, inclusive; default: 24 hours before `to`' }),
    to: to.meta({ description: 'until when, exclusive; default: all there is' }),
    limit: limit(MAX_TICKS, 1_000),
    cursor: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: '`next` of the page before; give the other values unchanged' }),
  })
  .refine(isForward, BACKWARD);

export const topRequest: z.ZodType<TopRequest> = z.strictObject({
  date: date('today').optional(),
  by: z
    .enum(['volume', 'turnover', 'trades'])
    .default('volume')
    .meta({ description: 'what is compared: shares, money, or number of trades' }),
  limit: limit(MAX_SYMBOLS, 10),
});

export const boardRequest: z.ZodType<BoardRequest> = z.strictObject({
  date: date('the last one on which anything was traded').optional(),
});

/** The range a request means. @param nowMicros ends a range that has no end a little after the latest possible tick */
export function rangeOf(
  range: Range,
  nowMicros: number,
  spanMicros?: number,
): { fromMicros: number; toMicros: number } {
  const toMicros = range.to ?? nowMicros + DAY_MICROS;
  const earliest = spanMicros === undefined ? MIN_TIME_MICROS : (range.to ?? nowMicros) - spanMicros;
  return { fromMicros: range.from ?? Math.min(earliest, toMicros), toMicros };
}

/** NaN for anything else. In an address `+` means a space: the zone `+02:00` is taken with either. */
function parseTime(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  return parseIsoMicros(text.replace(/ (\d\d:?\d\d)$/, '+$1'));
}
