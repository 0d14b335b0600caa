import type { FastifyRequest } from 'fastify';
import type { AccessTokens, Principal } from './access-tokens.ts';

/** A request that is answered with a status and a sentence. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly statusCode: number;
  readonly field: string | undefined;
  readonly remedy: string | undefined;

  constructor(statusCode: number, message: string, hints: { readonly field?: string; readonly remedy?: string } = {}) {
    super(message);
    this.statusCode = statusCode;
    this.field = hints.field;
    this.remedy = hints.remedy;
  }
}

const BEARER = /^Bearer ([\x21-\x7e]{1,1024})$/i;

/**
 * Bearer authentication, by the same tokens as on the WebSocket endpoints.
 * @throws {ApiRefusal} 401 without a known token, 403 when it may not watch
 */
export function authenticate(request: FastifyRequest, tokens: Pick<AccessTokens, 'isOpen' | 'principalOf'>): Principal {
  const token = tokens.isOpen ? '' : BEARER.exec(request.headers.authorization ?? '')?.[1];
  const principal = token === undefined ? undefined : tokens.principalOf(token);
  if (principal === undefined) {
    throw new ApiRefusal(401, token === undefined ? 'a token is needed' : 'the token is not known', {
      remedy: 'send the header Authorization: Bearer <token>',
    });
  }
  if (!principal.mayWatch()) {
    throw new ApiRefusal(403, 'this token may not read', { remedy: 'its row in the tokens file needs the role live' });
  }
  return principal;
}

/** @throws {ApiRefusal} 403 for a symbol that the principal may not see */
export function checkSymbols(principal: Principal, field: string, symbols: readonly string[]): void {
  const refused = symbols.find((symbol) => !principal.maySubscribe(symbol));
  if (refused !== undefined) throw new ApiRefusal(403, `this token may not read ${refused}`, { field });
}
