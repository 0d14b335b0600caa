/**
 * WebSocket close codes. The code carries the verdict: 4000–4499 connect again, 4500–4999 do not.
 * RFC 6455 codes are used where it has one.
 */
export const CloseCode = {
  normal: 1000,
  unsupportedData: 1003,
  invalidText: 1007,
  tooLarge: 1009,
  internalError: 1011,
  /** Tokens cannot be checked for a while. */
  tryAgainLater: 1013,
  /** The gateway drains. */
  shutdown: 4001,
  /** A dashboard that did not read. */
  slow: 4008,
  /** Two pings went unanswered. */
  noPong: 4012,
  /** Another connection speaks for the feed now, or this one lost its state in a way `reopen` does not mend. */
  sessionLost: 4023,
  /** Too much, too fast. */
  rate: 4029,
  authFailed: 4500,
  badRequest: 4501,
  authTimeout: 4502,
  /** Another instance of the same feed name has written since. */
  takenOver: 4503,
  connectionLimit: 4504,
  permission: 4509,
  sequenceReuse: 4521,
} as const;

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** RFC codes after which the same client would fail in the same way again. */
const FINAL_RFC_CODES: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009, 1010]);

/** Whether a client that was closed with `code` should connect again. */
export function shouldReconnect(code: number): boolean {
  if (code >= 4500 && code <= 4999) return false;
  return !FINAL_RFC_CODES.has(code);
}
