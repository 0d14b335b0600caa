import type { FeedAge } from '../../src/protocol/live-reply.ts';
import { parseWireMicros } from './wire-time.ts';

/** A trade, or the last one before the subscription. */
export interface LiveTick {
  readonly symbol: string;
  readonly price: number;
  /** Undefined only in a snapshot of which only the price is known. */
  readonly volume: number | undefined;
  /** Microseconds since the Unix epoch. */
  readonly timeMicros: number;
  /** True for the last tick before the subscription, on request. */
  readonly isSnapshot: boolean;
}

/** One minute of one symbol, as it is stored. */
export interface LiveBar {
  readonly symbol: string;
  readonly minuteMicros: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
  /** Volume-weighted average price; undefined for a minute without shares. */
  readonly averagePrice: number | undefined;
  /** True when the minute had been over before, and changed. */
  readonly isUpdate: boolean;
}

/** Ticks that will not come: those accepted by a gateway in this time. */
export interface LiveGap {
  readonly fromMicros: number | undefined;
  readonly toMicros: number;
  /** `slow`, `resume`, `buffer` from the gateway; `consumer` when the program here read too slowly. */
  readonly reason: string;
  /** How many, where it is known. */
  readonly dropped: number | undefined;
}

/** A flush of a feed: frames up to `seq` are durable. */
export interface LiveFlush {
  readonly feed: string;
  readonly seq: number;
  readonly rows: number;
  readonly flushMs: number;
}

/** A message of the gateway, understood. */
export type LiveEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'subscription' }
  | { readonly kind: 'tick'; readonly tick: LiveTick }
  | { readonly kind: 'bar'; readonly bar: LiveBar }
  | { readonly kind: 'gap'; readonly gap: LiveGap }
  | { readonly kind: 'flush'; readonly flush: LiveFlush }
  | { readonly kind: 'position'; readonly at: string }
  | { readonly kind: 'heartbeat'; readonly feeds: readonly FeedAge[] }
  | { readonly kind: 'shutdown'; readonly reconnectAfterMs: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

type Fields = Readonly<Record<string, unknown>>;

/** The messages of one array, in their order. Unknown ones are left out: newer gateways may say more. */
export function parseLiveEvents(message: string): LiveEvent[] {
  const list: unknown = JSON.parse(message);
  if (!Array.isArray(list)) return [];
  const events: LiveEvent[] = [];
  for (const each of list) {
    const event = isFields(each) ? toEvent(each) : undefined;
    if (event !== undefined) events.push(event);
  }
  return events;
}

function toEvent(fields: Fields): LiveEvent | undefined {
  switch (fields['T']) {
    case 't':
      return { kind: 'tick', tick: toTick(fields, false) };
    case 'last':
      return { kind: 'tick', tick: toTick(fields, true) };
    case 'b':
      return { kind: 'bar', bar: toBar(fields, false) };
    case 'u':
      return { kind: 'bar', bar: toBar(fields, true) };
    case 'pos':
      return { kind: 'position', at: text(fields['at']) };
    case 'gap':
      return { kind: 'gap', gap: toGap(fields) };
    case 'hb':
      return { kind: 'heartbeat', feeds: toAges(fields['feeds']) };
    case 'flush':
      return { kind: 'flush', flush: toFlush(fields) };
    case 'subscription':
      return { kind: 'subscription' };
    case 'success':
      return fields['msg'] === 'authenticated' ? { kind: 'authenticated' } : { kind: 'connected' };
    case 'shutdown':
      return { kind: 'shutdown', reconnectAfterMs: number(fields['reconnectAfterMs']) };
    case 'error':
      return { kind: 'error', code: number(fields['code']), message: text(fields['msg']) };
    default:
      return undefined;
  }
}

function toTick({ S, p, s, t }: Fields, isSnapshot: boolean): LiveTick {
  const volume = typeof s === 'number' ? s : undefined;
  return { symbol: text(S), price: number(p), volume, timeMicros: time(t), isSnapshot };
}

function toBar({ S, o, h, l, c, v, n, vw, t }: Fields, isUpdate: boolean): LiveBar {
  return {
    symbol: text(S),
    minuteMicros: time(t),
    open: number(o),
    high: number(h),
    low: number(l),
    close: number(c),
    volume: number(v),
    trades: number(n),
    averagePrice: typeof vw === 'number' ? vw : undefined,
    isUpdate,
  };
}

function toGap({ from, to, reason, dropped }: Fields): LiveGap {
  return {
    fromMicros: from === undefined ? undefined : time(from),
    toMicros: time(to),
    reason: text(reason),
    dropped: typeof dropped === 'number' ? dropped : undefined,
  };
}

function toFlush({ feed, seq, rows, ms }: Fields): LiveFlush {
  return { feed: text(feed), seq: number(seq), rows: number(rows), flushMs: number(ms) };
}

function toAges(value: unknown): FeedAge[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isFields).map(({ feed, ageMs }) => ({ feed: text(feed), ageMs: number(ageMs) }));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

function time(value: unknown): number {
  return typeof value === 'string' ? parseWireMicros(value) : Number.NaN;
}
