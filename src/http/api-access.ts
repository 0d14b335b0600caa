import type { FastifyRequest } from 'fastify';
import type { AccessTokens, Authentication, Principal } from './access-tokens.ts';
import type { AuthFailure } from './auth-failures.ts';
import { bearerToken } from './bearer-token.ts';

export interface ApiHints {
  readonly field?: string;
  readonly remedy?: string;
  /** Seconds, for the header Retry-After. */
  readonly retryAfterS?: number;
}

/** A request that is answered with a status and a sentence. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly statusCode: number;
  readonly field: string | undefined;
  readonly remedy: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(statusCode: number, message: string, hints: ApiHints = {}) {
    super(message);
    this.statusCode = statusCode;
    this.field = hints.field;
    this.remedy = hints.remedy;
    this.retryAfterS = hints.retryAfterS;
  }
}

type Tokens = Pick<AccessTokens, 'isOpen' | 'authenticate'>;

/**
 * Bearer authentication, by the same tokens as on the WebSocket endpoints.
 * @throws {ApiRefusal} 401 without a known token, 403 when it may not watch, 503 when tokens cannot be checked
 */
export async function authenticate(
  request: FastifyRequest,
  tokens: Tokens,
  onFailed: (reason: AuthFailure['reason']) => void,
): Promise<Principal> {
  const principal = await verdictOf(request, tokens);
  if (principal === 'not-now') {
    throw new ApiRefusal(503, 'tokens cannot be checked now', { remedy: 'ask again in a few seconds' });
  }
  if (principal === undefined) {
    const isGiven = bearerToken(request.headers.authorization) !== undefined;
    onFailed(isGiven ? 'unknown_token' : 'no_token');
    throw new ApiRefusal(401, isGiven ? 'the token is not known' : 'a token is needed', {
      remedy: 'send the header Authorization: Bearer <token>',
    });
  }
  if (!principal.mayWatch()) {
    onFailed('no_role');
    throw new ApiRefusal(403, 'this token may not read', {
      remedy: 'its row in the tokens file, or its JWT, needs the role live',
    });
  }
  return principal;
}

/** Whether a token that is good came with the request; false without tokens, where nobody has one. */
export async function hasToken(request: FastifyRequest, tokens: Tokens): Promise<boolean> {
  if (tokens.isOpen) return false;
  const verdict = await verdictOf(request, tokens);
  return verdict !== undefined && verdict !== 'not-now';
}

async function verdictOf(request: FastifyRequest, tokens: Tokens): Promise<Authentication> {
  const token = tokens.isOpen ? '' : bearerToken(request.headers.authorization);
  return token === undefined ? undefined : await tokens.authenticate(token);
}

/** @throws {ApiRefusal} 403 for a symbol that the principal may not see */
export function checkSymbols(principal: Principal, field: string, symbols: readonly string[]): void {
  const refused = symbols.find((symbol) => !principal.maySubscribe(symbol));
  if (refused !== undefined) throw new ApiRefusal(403, `this token may not read ${refused}`, { field });
}
