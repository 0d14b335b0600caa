import { shouldReconnect } from '../src/protocol/close-codes.ts';

/** Bounds of the wait before a new connection. */
export interface ReconnectLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const DEFAULT_RECONNECT: ReconnectLimits = { firstMs: 100, maxMs: 5_000 };

/** How long to wait before the next attempt, or that there shall be none. */
export type ReconnectVerdict = { readonly again: true; readonly waitMs: number } | { readonly again: false };

/**
 * Full jitter: a random time up to a bound that doubles with each failure in a row, so that clients cut off together do
 * not come back together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). Honours the close
 * code's verdict and a wait the server asked for.
 *
 * @param code close code, or undefined when no connection came about
 * @param failures failed attempts in a row, from 0
 * @param random from 0 to 1
 * @param askedMs `reconnectAfterMs` of a `shutdown` message
 */
export function reconnectVerdict(
  code: number | undefined,
  failures: number,
  random: number,
  askedMs = 0,
  limits: ReconnectLimits = DEFAULT_RECONNECT,
): ReconnectVerdict {
  if (code !== undefined && !shouldReconnect(code)) return { again: false };
  const boundMs = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures, 30));
  return { again: true, waitMs: askedMs + random * boundMs };
}
