import { MAX_TOKEN_LENGTH } from '../protocol/version.ts';

const BEARER = new RegExp(`^Bearer ([\\x21-\\x7e]{1,${MAX_TOKEN_LENGTH}})$`, 'i');

/** Token of an `Authorization` header; undefined where there is none, or one that is not a Bearer token of fair length. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}
