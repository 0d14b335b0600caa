import type { BarInterval } from '../market/bar-interval.ts';
import type { LastTick } from '../market/last-tick.ts';
import type { MarketBoard } from '../market/market-board.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { ApiTopOrder } from './api-requests.ts';
import type { AuthFailure } from './auth-failures.ts';

export interface ApiTick {
  readonly timeMicros: number;
  readonly price: number;
  readonly volume: number;
}

/** From inclusive, to exclusive, microseconds since the Unix epoch. */
interface MicrosRange {
  readonly fromMicros: number;
  readonly toMicros: number;
}

export interface ApiBarQuery extends MicrosRange {
  readonly symbol: string;
  readonly interval: BarInterval;
  readonly limit: number;
  readonly newestFirst: boolean;
}

export interface ApiTickQuery extends MicrosRange {
  readonly symbol: string;
  readonly limit: number;
  readonly cursor: string | undefined;
}

export interface ApiTopSymbol {
  readonly symbol: string;
  readonly trades: number;
  readonly volume: number;
  readonly turnoverMillionths: number;
}

/**
 * Reads of the store, as the API needs them. Every call answers or rejects within a bounded time; it rejects with a
 * `StoreUnavailableError` or `StoreSchemaError` when the database cannot be read.
 */
export interface ApiQueries {
  symbols(): Promise<readonly string[]>;
  lastTicks(symbols?: readonly string[]): Promise<readonly LastTick[]>;
  bars(query: ApiBarQuery): Promise<readonly MinuteBar[]>;
  /** Rejects with a `UsageError` for a cursor that no page gave. */
  ticks(query: ApiTickQuery): Promise<{ readonly ticks: readonly ApiTick[]; readonly nextCursor: string | undefined }>;
  top(query: {
    readonly day: string;
    readonly by: ApiTopOrder;
    readonly limit: number;
  }): Promise<readonly ApiTopSymbol[]>;
  /** @param day default: the last one with ticks */
  board(day: string | undefined): Promise<MarketBoard>;
}

export interface ApiLimits {
  readonly trustProxy: boolean;
  /** Reads of one token at once, and such that wait: of one token, and of all. Without tokens, of one address. */
  readonly apiReadsPerToken: number;
  readonly apiWaitingPerToken: number;
  readonly apiWaiting: number;
  /** Bytes of answers that clients have not read yet. */
  readonly apiUnreadBytes: number;
}

export interface ApiDependencies {
  readonly queries: ApiQueries;
  readonly limits: ApiLimits;
  readonly onAuthFailed?: (failure: AuthFailure) => void;
  readonly tokens: Pick<AccessTokens, 'isOpen' | 'authenticate'>;
  /** Where a trading day begins. */
  readonly timeZone: string;
  /** Origins whose pages may read the API beside the gateway's own. */
  readonly allowedOrigins: ReadonlySet<string>;
}
