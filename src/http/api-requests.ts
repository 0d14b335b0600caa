import { z } from 'zod';
import { BAR_INTERVALS, type BarInterval } from '../market/bar-interval.ts';
import { DAY_MICROS, isSymbol, MAX_SYMBOL_LENGTH, MIN_TIME_MICROS, parseIsoMicros } from '../market/tick.ts';

/*
 * Requests of the API's routes, parsed from the query of the address. Unknown and repeated names are refused.
 */

export type ApiTopOrder = 'volume' | 'turnover' | 'trades';

export interface LastRequest {
  readonly symbols?: readonly string[] | undefined;
}
export interface BarsRequest {
  readonly symbol: string;
  readonly interval: BarInterval;
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

const SYMBOL_FORM = 'must be a symbol: 1 to 32 letters, digits and . _ : ~ = ^ + / -';
/** A text that is given once. */
const text = z.string({ error: ({ input }) => (input === undefined ? 'is needed' : 'must be given once') });

const symbol = text
  .min(1, SYMBOL_FORM)
  .max(MAX_SYMBOL_LENGTH, SYMBOL_FORM)
  .refine(isSymbol, SYMBOL_FORM)
  .meta({ description: 'a symbol', examples: ['COMI'] });

const symbols = text
  .max(MAX_SYMBOLS * (MAX_SYMBOL_LENGTH + 1))
  .transform((list, context) => {
    const names = [...new Set(list.split(','))];
    if (names.every(isSymbol) && names.length <= MAX_SYMBOLS) return names;
    context.addIssue({ code: 'custom', message: `must be symbols with commas between them, ${MAX_SYMBOLS} at most` });
    return z.NEVER;
  })
  .optional()
  .meta({ description: 'symbols with commas between them; default: all', examples: ['COMI,SWDY'] });

const time = (what: string) =>
  text
    .max(64, TIME_FORM)
    .transform((given, context) => {
      const micros = parseTime(given);
      if (micros >= 0 && micros <= MAX_TIME_MICROS) return micros;
      context.addIssue({ code: 'custom', message: TIME_FORM });
      return z.NEVER;
    })
    .optional()
    .meta({
      description: `${what}; RFC 3339 with a zone, or whole microseconds since 1970`,
      examples: ['2025-12-01T08:00:00Z'],
    });

const date = (fallback: string) =>
  z.iso
    .date('must be a day such as 2025-12-01')
    .refine((day) => day >= '2000-01-01' && day < '2100-01-01', 'must lie between 2000 and 2099')
    .optional()
    .meta({ description: `a day in the exchange's time zone; default: ${fallback}`, examples: ['2025-12-01'] });

const oneOf = <Choice extends string>(choices: readonly Choice[], fallback: NoInfer<Choice>, description: string) =>
  z
    .enum(choices, `must be one of ${choices.join(', ')}`)
    .default(fallback)
    .meta({ description });

const limit = (most: number, fallback: number) => {
  const form = `must be a whole number from 1 to ${most}`;
  return z.coerce
    .number({ error: form })
    .int(form)
    .min(1, form)
    .max(most, form)
    .default(fallback)
    .meta({ description: 'how many at the most' });
};

interface Range {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}
const isForward = (range: Range): boolean =>
  range.from === undefined || range.to === undefined || range.from < range.to;
const BACKWARD = { path: ['to'], message: 'must be later than from' };

export const symbolsRequest: z.ZodType<Record<string, never>> = z.strictObject({});

export const lastRequest: z.ZodType<LastRequest> = z.strictObject({ symbols });

export const barsRequest: z.ZodType<BarsRequest> = z
  .strictObject({
    symbol,
    interval: oneOf(BAR_INTERVALS, '1m', 'width of a bar; a day begins at midnight of the exchange'),
    from: time('first bar begins then or later; without it the newest bars before `to` are given'),
    to: time('bars begin before that; default: all there are'),
    limit: limit(MAX_BARS, 500),
  })
  .refine(isForward, BACKWARD);

export const ticksRequest: z.ZodType<TicksRequest> = z
  .strictObject({
    symbol,
    from: time('from when on, inclusive; default: 24 hours before `to`'),
    to: time('until when, exclusive; default: all there are'),
    limit: limit(MAX_TICKS, 1_000),
    cursor: text.min(1).max(64).optional().meta({
      description: '`next` of the page before; give the other values unchanged',
    }),
  })
  .refine(isForward, BACKWARD);

export const topRequest: z.ZodType<TopRequest> = z.strictObject({
  date: date('today'),
  by: oneOf(['volume', 'turnover', 'trades'], 'volume', 'what is compared: shares, money, or number of trades'),
  limit: limit(MAX_SYMBOLS, 10),
});

export const boardRequest: z.ZodType<BoardRequest> = z.strictObject({
  date: date('the last one on which anything was traded'),
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
function parseTime(given: string): number {
  if (/^\d{1,16}$/.test(given)) return Number(given);
  return parseIsoMicros(given.replace(/ (\d\d:?\d\d)$/, '+$1'));
}
