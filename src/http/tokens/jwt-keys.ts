import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { describeError, UsageError } from '../../errors.ts';

/** Algorithms that a JWT may be signed with: signatures by a key pair only, neither `none` nor HMAC. */
export const JWT_ALGORITHMS: readonly string[] =
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');

/** Public key of an issuer. */
export interface JwtKey {
  readonly kid: string | undefined;
  /** The only algorithm that it is for; undefined where it does not say. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
  /** Fingerprint: another key under the same `kid` has another. */
  readonly mark: string;
}

/** Header of a JWT, as far as it names its key. */
export interface JwtHeader {
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
}

const MAX_KEYS = 100;
const MIN_RSA_BITS = 2_048;
const EC_CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const REMEDY = 'name a JWKS ({"keys":[…]}), a JWK, or a public key or certificate as PEM';

const jwk = z.looseObject({
  kty: z.string(),
  kid: z.string().max(256).optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
});
const jwks = z.looseObject({ keys: z.array(z.unknown()).max(MAX_KEYS) });

/**
 * Parses the public keys of an issuer: a JWKS, one JWK, or PEM. Keys of a JWKS that are no public keys for signatures
 * are left out.
 * @throws {UsageError} when none is left, or the text is neither; its message never quotes the text
 */
export function parseJwtKeys(text: string): readonly JwtKey[] {
  const keys = text.trimStart().startsWith('{') ? parseJson(text) : [parsePem(text)];
  if (keys.length === 0) throw new UsageError('it holds no public key for signatures', { remedy: REMEDY });
  return keys;
}

/** The key that a header means; undefined where none or several fit. */
export function selectJwtKey(keys: readonly JwtKey[], { alg = '', kid }: JwtHeader): JwtKey | undefined {
  const fitting = keys.filter(
    (key) =>
      // A key without a name, such as one of a PEM file, is for every `kid`.
      (kid === undefined || key.kid === undefined || key.kid === kid) &&
      (key.alg === undefined || key.alg === alg) &&
      isFor(key.key, alg),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function parseJson(text: string): readonly JwtKey[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new UsageError('it is not JSON', { remedy: REMEDY });
  }
  const set = jwks.safeParse(content);
  return (set.success ? set.data.keys : [content]).flatMap((each) => {
    const parsed = jwk.safeParse(each);
    return parsed.success ? (toKey(parsed.data) ?? []) : [];
  });
}

function toKey(key: z.infer<typeof jwk>): JwtKey | undefined {
  const isSecret = key.kty === 'oct' || 'd' in key || 'k' in key;
  const isForSignatures = (key.use ?? 'sig') === 'sig' && (key.key_ops ?? ['verify']).includes('verify');
  if (isSecret || !isForSignatures) return undefined;
  if (key.alg !== undefined && !JWT_ALGORITHMS.includes(key.alg)) return undefined;
  try {
    const { kty, n, e, crv, x, y } = key;
    const parts = Object.entries({ kty, n, e, crv, x, y }).filter(([, part]) => typeof part === 'string');
    const jsonKey: JsonWebKey = Object.fromEntries(parts);
    return jwtKey(createPublicKey({ key: jsonKey, format: 'jwk' }), key.kid, key.alg);
  } catch {
    return undefined;
  }
}

/** @throws {UsageError} */
function parsePem(text: string): JwtKey {
  if (text.includes('PRIVATE KEY')) {
    throw new UsageError('it is a private key, which belongs to the issuer alone', { remedy: REMEDY });
  }
  try {
    const key = jwtKey(createPublicKey(text), undefined, undefined);
    if (key !== undefined) return key;
  } catch (error) {
    throw new UsageError(`it is no public key: ${describeError(error)}`, { remedy: REMEDY });
  }
  throw new UsageError('it is a key of a kind that is not taken', { remedy: REMEDY });
}

/** Undefined for a key that no allowed algorithm uses. */
function jwtKey(key: KeyObject, kid: string | undefined, alg: string | undefined): JwtKey | undefined {
  if (!JWT_ALGORITHMS.some((each) => isFor(key, each))) return undefined;
  const der = key.export({ type: 'spki', format: 'der' });
  return { kid, alg, key, mark: `jwt ${createHash('sha256').update(der).digest('base64url')}` };
}

function isFor({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, alg: string): boolean {
  if (type === 'rsa') return /^[RP]S/.test(alg) && (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
  if (type === 'ec') return EC_CURVES[details?.namedCurve ?? ''] === alg;
  return type === 'ed25519' && alg.startsWith('Ed');
}
