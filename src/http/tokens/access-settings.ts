import type { Config } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import type { AccessOptions } from '../access-tokens.ts';
import type { JwtOptions } from './jwt-verifier.ts';

/** Settings of access, as `AccessTokens` takes them. @throws {UsageError} for settings that do not go together */
export function accessOptions(config: Config): AccessOptions {
  return { graceMs: config.gatewayTokensGraceMs, jwt: jwtOptions(config) };
}

function jwtOptions(config: Config): JwtOptions | undefined {
  const { jwtJwksUrl: url, jwtKeyFile: file, jwtIssuer: issuer, jwtAudience: audience } = config;
  if (url !== undefined && file !== undefined) {
    throw new UsageError('JWT_JWKS_URL and JWT_KEY_FILE are both set', { remedy: 'set one of them' });
  }
  const address = url ?? file;
  if (address === undefined) {
    if (issuer === undefined && audience === undefined) return undefined;
    throw new UsageError('JWT_ISSUER or JWT_AUDIENCE is set, and there are no keys to verify JWTs with', {
      remedy: 'set JWT_JWKS_URL or JWT_KEY_FILE, or unset both',
    });
  }
  if (issuer === undefined || audience === undefined) {
    throw new UsageError('JWTs need JWT_ISSUER and JWT_AUDIENCE: a token made for another program would be taken', {
      remedy: 'set both to the values of iss and aud that the issuer puts into tokens for this gateway',
    });
  }
  return {
    keys: {
      address,
      setting: url === undefined ? 'JWT_KEY_FILE' : 'JWT_JWKS_URL',
      maxAgeMs: config.jwtKeysMaxAgeMs,
      graceMs: config.gatewayTokensGraceMs,
    },
    issuer,
    audience,
    claims: {
      name: config.jwtNameClaim,
      roles: config.jwtRolesClaim,
      feeds: config.jwtFeedsClaim,
      symbols: config.jwtSymbolsClaim,
    },
    clockToleranceMs: config.jwtClockToleranceMs,
  };
}
