import { errors, jwtVerify } from 'jose';
import { type Clock, SYSTEM_CLOCK } from '../../base/clock.ts';
import { httpLogger } from '../../logger.ts';
import type { DependencyHealth } from '../health-routes.ts';
import { type JwtClaimNames, rightsOf } from './jwt-claims.ts';
import { JwtKeySource, type JwtKeySourceOptions } from './jwt-key-source.ts';
import { JWT_ALGORITHMS, type JwtHeader, type JwtKey, selectJwtKey } from './jwt-keys.ts';
import { type Principal, toPrincipal } from './principal.ts';

export interface JwtOptions {
  readonly keys: Pick<JwtKeySourceOptions, 'address' | 'setting' | 'maxAgeMs' | 'graceMs' | 'fetchText'>;
  readonly issuer: string;
  readonly audience: string;
  readonly claims: JwtClaimNames;
  /** Allowance for clocks that differ, on `exp` and `nbf`. */
  readonly clockToleranceMs: number;
}

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const MS_PER_SECOND = 1_000;
/** Verifications that may wait for the issuer's keys at once; further ones are put off. */
const MAX_WAITING = 256;
const WARN_INTERVAL_MS = 10_000;

/** A `kid` that no key has, a moment after the keys were fetched: the issuer may have changed them since. */
class KeyNotYetKnown extends Error {}

/** Whether a token has the outer form of a signed JWT. */
export function looksLikeJwt(token: string): boolean {
  return COMPACT.test(token);
}

/** Verifies JWTs by the issuer's public keys, and makes principals of their claims. */
export class JwtVerifier implements Disposable {
  readonly #options: JwtOptions;
  readonly #clock: Clock;
  readonly #monotonicMs: () => number;
  readonly #keys: JwtKeySource;
  #waiting = 0;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #refused = 0;

  /** @throws {UsageError} when the keys are in a file that cannot be used */
  constructor(
    options: JwtOptions,
    onChange: () => void,
    clock: Clock = SYSTEM_CLOCK,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#monotonicMs = monotonicMs;
    this.#keys = new JwtKeySource({ ...options.keys, onChange, clock, monotonicMs });
  }

  get hasKeys(): boolean {
    return this.#keys.keys.length > 0;
  }

  /** Whether the key that signed a principal's token still counts. */
  has(rowMark: string): boolean {
    return this.#keys.has(rowMark);
  }

  get health(): DependencyHealth {
    return this.#keys.health;
  }

  /** Principal of a token; undefined where it is not good, `not-now` while the issuer's keys are not known. Never rejects. */
  async verify(token: string): Promise<Principal | 'not-now' | undefined> {
    let signedBy: JwtKey | undefined;
    const { issuer, audience, clockToleranceMs, claims } = this.#options;
    try {
      if (!this.hasKeys) await this.#waitFor(() => this.#keys.settled());
      if (!this.hasKeys) return 'not-now';
      const { payload } = await jwtVerify(
        token,
        async (header) => {
          signedBy = await this.#keyFor(header);
          return signedBy.key;
        },
        {
          algorithms: [...JWT_ALGORITHMS],
          issuer,
          audience,
          clockTolerance: clockToleranceMs / MS_PER_SECOND,
          requiredClaims: ['exp'],
          currentDate: new Date(this.#clock.now()),
        },
      );
      const rights = rightsOf(payload, claims);
      if (rights === undefined || signedBy === undefined || payload.exp === undefined) return this.#refuse('claims');
      return toPrincipal(rights, signedBy.mark, payload.exp * MS_PER_SECOND + clockToleranceMs);
    } catch (error) {
      if (error instanceof KeyNotYetKnown) return 'not-now';
      return this.#refuse(error instanceof errors.JOSEError ? error.code : 'invalid');
    }
  }

  /** Resolves when keys that are being fetched have come, or have failed to. */
  async settled(): Promise<void> {
    await this.#keys.settled();
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]();
  }

  async #keyFor(header: JwtHeader): Promise<JwtKey> {
    const key = selectJwtKey(this.#keys.keys, header);
    if (key !== undefined) return key;
    // Only for a name that no key has: a known key that does not fit the algorithm is not fetched again.
    const isUnknown = header.kid !== undefined && !this.#keys.keys.some(({ kid }) => kid === header.kid);
    if (!isUnknown || !this.#keys.isFetched) throw new errors.JWKSNoMatchingKey();
    if (!(await this.#waitFor(() => this.#keys.refreshForUnknownKey()))) throw new KeyNotYetKnown();
    const fresh = selectJwtKey(this.#keys.keys, header);
    if (fresh === undefined) throw new errors.JWKSNoMatchingKey();
    return fresh;
  }

  /** Waits for keys, beside at most so many others. @returns false where too many wait, or the work says so */
  async #waitFor(work: () => Promise<boolean>): Promise<boolean> {
    if (this.#waiting >= MAX_WAITING) return false;
    this.#waiting += 1;
    try {
      return await work();
    } finally {
      this.#waiting -= 1;
    }
  }

  /** A refused JWT is a client's fault: a spaced line tells how many, without the token. */
  #refuse(reason: string): undefined {
    this.#refused += 1;
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return undefined;
    httpLogger.warn({ reason, refused: this.#refused }, 'JWT refused');
    this.#warnedAtMs = nowMs;
    this.#refused = 0;
    return undefined;
  }
}
