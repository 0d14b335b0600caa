import type { Clock } from '../base/clock.ts';
import type { FanoutObserver } from './fanout-ports.ts';
import type { LiveHub } from './live-hub.ts';

/** Principal of a dashboard's connection. */
export interface LivePrincipal {
  readonly name: string;
  readonly symbols: '*' | ReadonlySet<string>;
  /** Whether it may use this endpoint at all. */
  mayWatch(): boolean;
}

export interface LiveEndpointOptions {
  /** At most so many bytes wait for one dashboard. */
  readonly queueBytes: number;
  /** Slow timeout: a dashboard that stays full for longer is closed. */
  readonly slowMs: number;
  /** At most so many symbols are named by one connection. */
  readonly maxSymbols: number;
  /** At most so many feeds are named by one connection. */
  readonly maxFeeds: number;
}

/** Context shared by all connections of the endpoint. */
export interface LiveEndpoint {
  readonly options: LiveEndpointOptions;
  readonly hub: LiveHub;
  readonly observer: FanoutObserver;
  /** Whether no tokens are configured: then authentication is optional. */
  readonly isOpen: boolean;
  /** The system's where left out. */
  readonly clock?: Clock;
  /** Undefined where the token is not good, `not-now` where that cannot be known; a promise never rejects. */
  authenticate(token: string): LiveAuthentication | Promise<LiveAuthentication>;
}

/** Verdict on a token. */
export type LiveAuthentication = LivePrincipal | 'not-now' | undefined;
