/**
 * Codes of `{T:"error", code, msg}`. 400–410 and 500 have the meaning of Alpaca's market-data protocol v2, so that
 * its SDKs understand them; 420–429 and 503 are for feeds.
 */
export const ErrorCode = {
  invalidSyntax: 400,
  notAuthenticated: 401,
  authFailed: 402,
  alreadyAuthenticated: 403,
  authTimeout: 404,
  symbolLimitExceeded: 405,
  connectionLimitExceeded: 406,
  slowClient: 407,
  insufficientPermission: 409,
  invalidAction: 410,
  ticksRejected: 420,
  sequenceReuse: 421,
  frameTooLarge: 422,
  feedTakenOver: 423,
  windowExceeded: 424,
  rateExceeded: 429,
  internal: 500,
  notNow: 503,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The sentence that goes with a code where nothing more exact is known. */
export const ERROR_MESSAGES: Readonly<Record<ErrorCode, string>> = {
  400: 'invalid syntax',
  401: 'not authenticated',
  402: 'auth failed',
  403: 'already authenticated',
  404: 'auth timeout',
  405: 'symbol limit exceeded',
  406: 'connection limit exceeded',
  407: 'slow client',
  409: 'insufficient permission',
  410: 'invalid action for this endpoint',
  420: 'ticks rejected',
  421: 'sequence reuse',
  422: 'frame too large',
  423: 'feed taken over',
  424: 'window exceeded',
  429: 'rate exceeded',
  500: 'internal error',
  503: 'not now, try again',
};
