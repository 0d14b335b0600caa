import { parseIsoMicros } from '../../src/market/tick.ts';
import type { Board } from './market.ts';
import type { StoredSymbol } from './market-row.ts';

/** Outcome of asking for the board. */
export type BoardOutcome =
  | { readonly kind: 'board'; readonly board: Board }
  /** Nothing has changed since the last time. */
  | { readonly kind: 'same' }
  /** The gateway wants a token, or another one. */
  | { readonly kind: 'token' }
  /** The token may not read. */
  | { readonly kind: 'forbidden' }
  /** The database or the gateway is away. */
  | { readonly kind: 'away' };

const TIMEOUT_MS = 10_000;

/** Asks the gateway for the board of its last day; an unchanged one is not sent again. */
export class StoredBoard {
  readonly #url: string;
  #tag: string | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async read(token: string | undefined): Promise<BoardOutcome> {
    try {
      const response = await fetch(this.#url, {
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(this.#tag === undefined ? {} : { 'If-None-Match': this.#tag }),
        },
        cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status === 304) return { kind: 'same' };
      if (response.status === 401) return { kind: 'token' };
      if (response.status === 403) return { kind: 'forbidden' };
      if (!response.ok) return { kind: 'away' };
      const answer: unknown = await response.json();
      this.#tag = response.headers.get('ETag') ?? undefined;
      return { kind: 'board', board: parseBoard(answer) };
    } catch {
      return { kind: 'away' };
    }
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** The board in an answer of `/api/board`; rows that are not as they should be are left out. */
export function parseBoard(answer: unknown): Board {
  const fields = fieldsOf(answer);
  const list: unknown = fields['rows'];
  return {
    date: typeof fields['date'] === 'string' ? fields['date'] : undefined,
    beginMicros: timeOf(fields['begin']),
    endMicros: timeOf(fields['end']),
    rows: Array.isArray(list) ? list.map(toRow).filter((row) => row.symbol !== '') : [],
  };
}

function toRow(value: unknown): StoredSymbol {
  const fields = fieldsOf(value);
  const day = fieldsOf(fields['day']);
  return {
    symbol: typeof fields['symbol'] === 'string' ? fields['symbol'] : '',
    price: numberOf(fields['price']),
    timeMicros: timeOf(fields['time']),
    previousClose: typeof fields['previousClose'] === 'number' ? fields['previousClose'] : undefined,
    day:
      day['open'] === undefined
        ? undefined
        : {
            open: numberOf(day['open']),
            high: numberOf(day['high']),
            low: numberOf(day['low']),
            volume: numberOf(day['volume']),
            trades: numberOf(day['trades']),
          },
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

function timeOf(value: unknown): number {
  const micros = typeof value === 'string' ? parseIsoMicros(value) : Number.NaN;
  return Number.isNaN(micros) ? 0 : micros;
}
