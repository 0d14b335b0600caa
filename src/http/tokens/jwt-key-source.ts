import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Clock, SYSTEM_CLOCK } from '../../base/clock.ts';
import { describeError, UsageError } from '../../errors.ts';
import { httpLogger } from '../../logger.ts';
import type { DependencyHealth } from '../health-routes.ts';
import { fetchKeys } from './fetch-keys.ts';
import { FileWatch } from './file-watch.ts';
import { type JwtKey, parseJwtKeys } from './jwt-keys.ts';

export interface JwtKeySourceOptions {
  /** A path, or an address with `file:`, `https:`, or `http:` on loopback. */
  readonly address: string;
  /** The setting that names it, for messages. */
  readonly setting: string;
  /** Longest time that fetched keys count after their last good fetch. */
  readonly maxAgeMs: number;
  /** The same for keys of a file that cannot be read any more. */
  readonly graceMs: number;
  /** Called when keys have changed, have aged out, or can be read again. */
  readonly onChange: () => void;
  readonly clock?: Clock;
  readonly monotonicMs?: () => number;
  /** Fetches the JWKS; replaced by tests. */
  readonly fetchText?: (url: URL) => Promise<string>;
}

/** Refresh of fetched keys, so that a key that the issuer has withdrawn ends its tokens. */
const REFRESH_MS = 300_000;
const RETRY_MS = 5_000;
/** Least time between two fetches that unknown keys ask for. */
const UNKNOWN_KEY_MS = 30_000;
const TICK_MS = 1_000;

/**
 * Public keys of the issuer, held in memory. A file is read at the start and when it changes. A JWKS is fetched at the
 * start, every five minutes, and for a `kid` that is not known, at most once in 30 s.
 */
export class JwtKeySource implements Disposable {
  readonly #options: JwtKeySourceOptions;
  readonly #monotonicMs: () => number;
  readonly #file: string | undefined;
  readonly #url: URL | undefined;
  readonly #watch: FileWatch | undefined;
  readonly #stopTicking: () => void;
  #keys: readonly JwtKey[] = [];
  #goodAtMs = Number.NEGATIVE_INFINITY;
  #cause: string | undefined = 'not loaded yet';
  #nextFetchMs = 0;
  #unknownFetchMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /** @throws {UsageError} for an address that is none, or a file that cannot be used */
  constructor(options: JwtKeySourceOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    const clock = options.clock ?? SYSTEM_CLOCK;
    const location = locationOf(options);
    if (typeof location === 'string') {
      this.#file = location;
      this.#readFile(location);
      if (this.#cause !== undefined) throw cannotUse(options.setting, this.#cause);
      this.#watch = new FileWatch(location, (hasChanged) => this.#onLook(location, hasChanged), clock);
    } else {
      this.#url = location;
      void this.#fetch();
    }
    this.#stopTicking = clock.every(TICK_MS, () => this.#tick());
  }

  /** Keys that count now. */
  get keys(): readonly JwtKey[] {
    return this.#keys;
  }

  has(mark: string): boolean {
    return this.#keys.some((key) => key.mark === mark);
  }

  /** Waits for a fetch that is under way. @returns whether there are keys */
  async settled(): Promise<boolean> {
    await this.#fetching;
    return this.#keys.length > 0;
  }

  /** Whether keys are fetched, so that a `kid` that is not known yet may be known later. */
  get isFetched(): boolean {
    return this.#url !== undefined;
  }

  /** Fetches the keys for a `kid` that is not known, or joins a fetch under way. @returns false where it is too early */
  async refreshForUnknownKey(): Promise<boolean> {
    if (this.#url === undefined) return false;
    if (this.#fetching !== undefined) {
      await this.#fetching;
      return true;
    }
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#unknownFetchMs < UNKNOWN_KEY_MS) return false;
    this.#unknownFetchMs = nowMs;
    await this.#fetch();
    return true;
  }

  /** State for `/readyz`: keys that cannot be read again count for a time, and it says how long. */
  get health(): DependencyHealth {
    if (this.#cause === undefined) return { ok: true, detail: `${this.#keys.length} keys` };
    const cause = `${this.#options.setting} cannot be read: ${this.#cause}`;
    if (this.#keys.length === 0) return { ok: false, detail: `${cause}; no JWT is taken` };
    const leftMs = this.#goodAtMs + this.#maxAgeMs - this.#monotonicMs();
    const left = `the last keys count for ${Math.max(0, Math.ceil(leftMs / 1_000))} s`;
    // Signing goes on with known keys while an issuer is away for a moment; a file that is broken is the operator's.
    return { ok: this.#file === undefined, detail: `${cause}; ${left}` };
  }

  [Symbol.dispose](): void {
    this.#stopTicking();
    this.#watch?.[Symbol.dispose]();
  }

  get #maxAgeMs(): number {
    return this.#file === undefined ? this.#options.maxAgeMs : this.#options.graceMs;
  }

  #tick(): void {
    const nowMs = this.#monotonicMs();
    if (this.#keys.length > 0 && this.#cause !== undefined && nowMs - this.#goodAtMs > this.#maxAgeMs) {
      httpLogger.error({ setting: this.#options.setting }, 'the keys of JWTs are too old to count any more');
      this.#keys = [];
      this.#options.onChange();
    }
    if (this.#url !== undefined && nowMs >= this.#nextFetchMs) void this.#fetch();
  }

  #onLook(path: string, hasChanged: boolean): void {
    if (hasChanged || this.#cause !== undefined) this.#readFile(path);
  }

  #readFile(path: string): void {
    try {
      this.#take(readFileSync(path, 'utf8'));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const url = this.#url;
    if (url === undefined) return;
    this.#nextFetchMs = this.#monotonicMs() + RETRY_MS;
    try {
      this.#take(await (this.#options.fetchText ?? fetchKeys)(url));
      this.#nextFetchMs = this.#monotonicMs() + REFRESH_MS;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws {UsageError} when the text holds no keys */
  #take(text: string): void {
    const keys = parseJwtKeys(text);
    const marks = (each: readonly JwtKey[]): string => each.map(({ mark, kid, alg }) => [mark, kid, alg].join()).join();
    const isChanged = marks(keys) !== marks(this.#keys);
    this.#keys = keys;
    this.#goodAtMs = this.#monotonicMs();
    this.#cause = undefined;
    if (!isChanged) return;
    httpLogger.info({ keys: keys.length }, 'keys of JWTs read');
    this.#options.onChange();
  }

  #fail(error: unknown): void {
    const cause = causeOf(error);
    if (cause !== this.#cause)
      httpLogger.warn({ setting: this.#options.setting, cause }, 'keys of JWTs cannot be read');
    this.#cause = cause;
  }
}

/** @returns a path, or an address to fetch from; @throws {UsageError} */
function locationOf({ address, setting }: JwtKeySourceOptions): string | URL {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(address)) return address;
  if (!URL.canParse(address)) throw cannotUse(setting, 'it is no address');
  const url = new URL(address);
  if (url.protocol === 'file:') return fileURLToPath(url);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)) return url;
  throw cannotUse(setting, 'keys come by file: or https: only, since whoever changes them on the way makes tokens');
}

function causeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error) {
    return error.code;
  }
  // `fetch` keeps the reason, such as a name that is not known or a certificate, in the cause.
  const inner = error instanceof Error ? error.cause : undefined;
  return inner instanceof Error ? `${describeError(error)}: ${describeError(inner)}` : describeError(error);
}

function cannotUse(setting: string, cause: string): UsageError {
  return new UsageError(`${setting}: ${cause}`, {
    remedy: `set ${setting} to a JWKS by https: or file:, or to a file with a public key`,
  });
}
