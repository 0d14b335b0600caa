import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

export const ISSUER = 'https://id.test/';
export const AUDIENCE = 'tickgate';

/** Claims and header of a token, where they differ from those of a good one. */
export interface TokenChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A key pair of an issuer of JWTs. */
export class TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(kid: string, alg = 'ES256') {
    this.kid = kid;
    this.alg = alg;
    const { privateKey, publicKey } = pairFor(alg);
    this.#private = privateKey;
    this.#public = publicKey;
  }

  get pem(): string {
    return this.#public.export({ type: 'spki', format: 'pem' }).toString();
  }

  get privatePem(): string {
    return this.#private.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  get jwk(): Readonly<Record<string, unknown>> {
    return { ...this.#public.export({ format: 'jwk' }), kid: this.kid, alg: this.alg, use: 'sig' };
  }

  /** A token of the role live that ends in an hour, with some changes; undefined takes a claim away. */
  async sign({ claims = {}, header = {} }: TokenChanges = {}, nowMs: number = Date.now()): Promise<string> {
    const nowS = Math.floor(nowMs / 1_000);
    const all = { iss: ISSUER, aud: AUDIENCE, sub: 'desk', exp: nowS + 3_600, roles: ['live'], ...claims };
    const protectedHeader = { alg: this.alg, kid: this.kid, ...header };
    return new SignJWT(all).setProtectedHeader(protectedHeader).sign(this.#private);
  }
}

export function jwksOf(...keys: readonly TestKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

/** One for all, since it takes long to make. */
let rsaPair: ReturnType<typeof pairFor> | undefined;

function pairFor(alg: string): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  if (alg.startsWith('RS') || alg.startsWith('PS')) {
    return (rsaPair ??= generateKeyPairSync('rsa', { modulusLength: 2_048 }));
  }
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
  return generateKeyPairSync('ec', { namedCurve: curves[alg] ?? 'P-256' });
}
