import { BadFrameError } from '../market/bad-frame-error.ts';
import { FrameTooLargeError } from '../market/tick-check.ts';
import { CloseCode } from '../protocol/close-codes.ts';
import { ErrorCode } from '../protocol/error-codes.ts';
import { errorReply, type FeedReply } from '../protocol/reply-codec.ts';
import type { FeedOpenResult } from './feed-opener.ts';
import { REOPEN_SENTENCES } from './reopen-reason.ts';
import type { SessionEnd } from './session-rules.ts';

/** Verdict on a feed: an answer, then the close of its connection; see PROTOCOL.md for the codes. */
export interface FeedVerdict {
  readonly reply?: FeedReply;
  readonly close?: { readonly code: CloseCode; readonly reason: string };
}

type FixedVerdict =
  | 'wrongMessageType'
  | 'answersUnread'
  | 'notAuthenticated'
  | 'alreadyAuthenticated'
  | 'authFailed'
  | 'authNotNow'
  | 'rateExceeded'
  | 'feedForbidden'
  | 'oneOffForbidden'
  | 'oneOffAfterOpen'
  | 'tooManyOpens'
  | 'tooManyFeeds';

/** Verdicts that depend on nothing else. */
export const FEED_VERDICTS: Readonly<Record<FixedVerdict, FeedVerdict>> = {
  wrongMessageType: { close: { code: CloseCode.unsupportedData, reason: 'wrong message type for this codec' } },
  answersUnread: { close: { code: CloseCode.slow, reason: 'answers are not read' } },
  notAuthenticated: closing(ErrorCode.notAuthenticated, CloseCode.authFailed, 'not authenticated'),
  alreadyAuthenticated: { reply: errorReply(ErrorCode.alreadyAuthenticated) },
  authFailed: closing(ErrorCode.authFailed, CloseCode.authFailed, 'auth failed'),
  authNotNow: { close: { code: CloseCode.tryAgainLater, reason: 'tokens cannot be checked now' } },
  rateExceeded: closing(ErrorCode.rateExceeded, CloseCode.rate, 'rate exceeded'),
  feedForbidden: closing(
    ErrorCode.insufficientPermission,
    CloseCode.permission,
    'insufficient permission',
    'this token may not publish that feed',
  ),
  oneOffForbidden: closing(
    ErrorCode.insufficientPermission,
    CloseCode.permission,
    'insufficient permission',
    'this token may not publish unnumbered frames',
  ),
  oneOffAfterOpen: {
    reply: errorReply(ErrorCode.invalidAction, 'a connection that has opened a feed publishes numbered frames'),
  },
  tooManyOpens: closing(ErrorCode.rateExceeded, CloseCode.rate, 'too many opens', 'too many opens at once'),
  tooManyFeeds: closing(
    ErrorCode.connectionLimitExceeded,
    CloseCode.connectionLimit,
    'too many feeds',
    'this token has too many feeds open',
  ),
};

/** An open was refused. */
export function refusedOpen(result: Exclude<FeedOpenResult, { outcome: 'opened' }>): FeedVerdict {
  switch (result.outcome) {
    case 'taken':
      return closing(
        ErrorCode.feedTakenOver,
        CloseCode.takenOver,
        'feed taken over',
        'another program publishes under this name',
      );
    case 'late':
      return closing(
        ErrorCode.feedTakenOver,
        CloseCode.sessionLost,
        'a newer open came first',
        'a newer open of this instance has been answered',
      );
    case 'spaced':
      return closing(
        ErrorCode.rateExceeded,
        CloseCode.rate,
        'take-overs too close together',
        'the feed was taken over a moment ago',
      );
    case 'not-now':
      return { reply: errorReply(ErrorCode.notNow, result.why) };
  }
}

/** A session ended by itself. */
export function endedSession(end: SessionEnd): FeedVerdict {
  switch (end.kind) {
    case 'reopen':
      return { reply: { T: 'reopen', reason: REOPEN_SENTENCES[end.reason] } };
    case 'superseded':
      return { close: { code: CloseCode.sessionLost, reason: 'another connection speaks for the feed' } };
    case 'sequence-reuse':
      return closing(
        ErrorCode.sequenceReuse,
        CloseCode.sequenceReuse,
        'sequence reuse',
        'these sequence numbers have been used',
      );
    case 'overrun':
      return closing(ErrorCode.windowExceeded, CloseCode.rate, 'window exceeded');
  }
}

/** A message could not be handled. Anything that is not the client's fault is ours, and must not end the process. */
export function refusedMessage(error: unknown): FeedVerdict {
  if (error instanceof FrameTooLargeError)
    return closing(ErrorCode.frameTooLarge, CloseCode.badRequest, 'frame too large', error.message);
  if (error instanceof BadFrameError)
    return closing(ErrorCode.invalidSyntax, CloseCode.badRequest, 'bad request', error.message);
  return closing(ErrorCode.internal, CloseCode.internalError, 'internal error');
}

function closing(error: ErrorCode, code: CloseCode, reason: string, message?: string): FeedVerdict {
  return { reply: errorReply(error, message), close: { code, reason } };
}
