import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { describeError, UsageError } from '../errors.ts';
import { httpLogger } from '../logger.ts';
import { MAX_TOKEN_LENGTH } from '../protocol/version.ts';
import type { DependencyHealth } from './health-routes.ts';
import { FileWatch } from './tokens/file-watch.ts';
import { type JwtOptions, JwtVerifier, looksLikeJwt } from './tokens/jwt-verifier.ts';
import { ANYONE, type Principal } from './tokens/principal.ts';
import { type FileReading, TokenList } from './tokens/token-list.ts';
import { parseTokenRows, type RefusedRow } from './tokens/token-rows.ts';

export type { Principal } from './tokens/principal.ts';

/** Verdict on a token: undefined where it is not good, `not-now` where that cannot be known for a while. */
export type Authentication = Principal | 'not-now' | undefined;

export interface AccessOptions {
  /** Longest time that the last good rows count while the tokens file cannot be read. */
  readonly graceMs?: number;
  /** JWTs are taken too. */
  readonly jwt?: JwtOptions | undefined;
  readonly clock?: Clock;
  readonly monotonicMs?: () => number;
}

const GRACE_MS = 10_000;
const MAX_LOGGED_ROWS = 20;

/** Access by tokens of the tokens file, which is read again whenever it changes, and by JWTs of an issuer. */
export class AccessTokens implements Disposable {
  readonly #path: string | undefined;
  readonly #clock: Clock;
  readonly #monotonicMs: () => number;
  readonly #list: TokenList;
  readonly #watch: FileWatch | undefined;
  readonly #jwt: JwtVerifier | undefined;
  readonly #listeners = new Set<() => void>();

  /** @throws {UsageError} when the file, or one with keys of JWTs, cannot be used; a row that is wrong refuses itself only */
  constructor(path: string | undefined, options: AccessOptions = {}) {
    this.#path = path;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    const rows = path === undefined ? { known: [], refused: [] } : readTokens(path);
    this.#list = new TokenList(rows, options.graceMs ?? GRACE_MS);
    this.#logRefused();
    if (options.jwt !== undefined) {
      this.#jwt = new JwtVerifier(options.jwt, () => this.#announce(), this.#clock, this.#monotonicMs);
    }
    if (path !== undefined) this.#watch = new FileWatch(path, (hasChanged) => this.#onLook(hasChanged), this.#clock);
  }

  /** Whether everybody may do everything. An empty tokens file is not that: then nobody gets in. */
  get isOpen(): boolean {
    return this.#path === undefined && this.#jwt === undefined;
  }

  /** Rows of the tokens file that are not valid. */
  get refused(): readonly RefusedRow[] {
    return this.#list.refused;
  }

  /** State for `/readyz`, by dependency. */
  get health(): Readonly<Record<string, DependencyHealth>> {
    return {
      ...(this.#path === undefined ? {} : { tokens: this.#list.health(this.#monotonicMs()) }),
      ...(this.#jwt === undefined ? {} : { jwt_keys: this.#jwt.health }),
    };
  }

  /** Verdict on a token; a promise for a JWT, which never rejects. */
  authenticate(token: string): Authentication | Promise<Authentication> {
    const principal = this.principalOf(token);
    if (principal !== undefined || token.length > MAX_TOKEN_LENGTH) return principal;
    if (this.#jwt !== undefined && looksLikeJwt(token)) return this.#jwt.verify(token);
    return this.#list.isLocked ? 'not-now' : undefined;
  }

  /** Principal by the tokens file; undefined for a token that is not there. Every row is compared, in constant time. */
  principalOf(token: string): Principal | undefined {
    if (this.isOpen) return ANYONE;
    const hash = createHash('sha256').update(token).digest();
    let found: Principal | undefined;
    for (const row of this.#list.known) if (timingSafeEqual(row.hash, hash)) found = row.principal;
    return found === undefined || this.hasEnded(found) ? undefined : found;
  }

  /** Whether a principal's row stands in the file as it did, or its key with the issuer, and it has not ended. */
  isValid(principal: Principal): boolean {
    if (this.isOpen) return true;
    return (
      !this.hasEnded(principal) && (this.#list.has(principal.rowMark) || this.#jwt?.has(principal.rowMark) === true)
    );
  }

  hasEnded(principal: Principal): boolean {
    return principal.endsAtMs <= this.#clock.now();
  }

  /** Whether nothing is known about a principal that is not valid: its file or keys cannot be read any more. */
  isUndecided(principal: Principal): boolean {
    if (this.hasEnded(principal)) return false;
    return principal.rowMark.startsWith('jwt ') ? this.#jwt?.hasKeys === false : this.#list.isLocked;
  }

  /** Called whenever it has changed who is valid, except by the passing of an expiry. */
  onReload(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the file again now. */
  reload(): void {
    if (this.#path === undefined) return;
    const reading = readTokensOf(this.#path);
    const phase = this.#list.take(reading, this.#monotonicMs());
    if (phase === undefined) return;
    if (phase === 'good') {
      httpLogger.info({ tokens: this.#list.known.length }, 'tokens read again');
      this.#logRefused();
    } else {
      const cause = 'cause' in reading ? reading.cause : undefined;
      httpLogger.error({ cause }, phase === 'grace' ? UNREADABLE : LOCKED);
    }
    this.#announce();
  }

  /** Resolves when keys of JWTs that are being fetched have come, or have failed to; at once where there are none. */
  async settled(): Promise<void> {
    await this.#jwt?.settled();
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#jwt?.[Symbol.dispose]();
  }

  #onLook(hasChanged: boolean): void {
    if (hasChanged || this.#list.isFaulty) this.reload();
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }

  #logRefused(): void {
    const { refused } = this.#list;
    for (const { line, name, reason } of refused.slice(0, MAX_LOGGED_ROWS)) {
      httpLogger.error({ line, name, reason }, 'a row of the tokens file is not valid: its token is refused');
    }
    if (refused.length > MAX_LOGGED_ROWS) httpLogger.error({ rows: refused.length }, 'further rows are not valid');
  }
}

const UNREADABLE = 'the tokens file cannot be used: the last good rows count for GATEWAY_TOKENS_GRACE_MS';
const LOCKED = 'the tokens file cannot be used for too long: nobody gets in until it can be read again';

/** @throws {UsageError} */
function readTokens(path: string): ReturnType<typeof parseTokenRows> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`GATEWAY_TOKENS_FILE: ${path} cannot be read: ${describeError(cause)}`, {
      remedy: 'name a file that this user may read; tickgate token --file makes one',
      cause,
    });
  }
  try {
    return parseTokenRows(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`GATEWAY_TOKENS_FILE: ${path}: ${error.message}`, { remedy: error.remedy });
  }
}

function readTokensOf(path: string): FileReading {
  let text: string | undefined;
  try {
    text = readFileSync(path, 'utf8');
    return { rows: parseTokenRows(text) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error && text === undefined ? String(error.code) : undefined;
    return { cause: code ?? describeError(error), text };
  }
}
