import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { z } from 'zod';
import { describeError, UsageError } from '../errors.ts';
import { httpLogger } from '../logger.ts';

/** Principal behind a token, with its rights. */
export interface Principal {
  readonly name: string;
  /** Changes when the token's row changes: a connection whose row is gone or changed is cut. */
  readonly rowMark: string;
  /** Has the role at all; which feeds is another question. */
  mayFeed(): boolean;
  /** Names that begin with `~` stand for frames without a number, which the gateway's own feeds carry. */
  mayPublish(feed: string): boolean;
  mayWatch(): boolean;
  maySubscribe(symbol: string): boolean;
  readonly symbols: '*' | ReadonlySet<string>;
}

const RELOAD_POLL_MS = 1_000;

const tokenRow = z.strictObject({
  name: z.string().min(1).max(64),
  /** Of the token, in hexadecimal: the file never holds a token itself. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/i),
  roles: z.array(z.enum(['feed', 'live'])).min(1),
  /** Names of feeds it may publish; `*` at the end stands for anything. */
  feeds: z.array(z.string()).default(['*']),
  /** Symbols it may see; `*` is every one. */
  symbols: z.array(z.string()).default(['*']),
});
const tokensShape = z.strictObject({ tokens: z.array(tokenRow).min(1) });
type TokenRow = z.infer<typeof tokenRow>;

/** Principal of an open gateway: without a tokens file everybody may do everything, so it listens on loopback only. */
const ANYONE: Principal = {
  name: 'anyone',
  rowMark: '',
  mayFeed: () => true,
  mayPublish: () => true,
  mayWatch: () => true,
  maySubscribe: () => true,
  symbols: '*',
};

/** The tokens file, read again whenever it changes. */
export class AccessTokens implements Disposable {
  readonly #path: string | undefined;
  #rows: ReadonlyArray<{ readonly hash: Buffer; readonly principal: Principal }> = [];
  readonly #listeners = new Set<() => void>();

  /** @throws {UsageError} when the file cannot be read or is not a tokens file */
  constructor(path: string | undefined) {
    this.#path = path;
    if (path === undefined) return;
    this.#rows = readTokens(path);
    watchFile(path, { interval: RELOAD_POLL_MS, persistent: false }, () => this.reload());
  }

  get isOpen(): boolean {
    return this.#path === undefined;
  }

  /** Principal of the token; undefined for one that is not known. Every row is compared, in constant time. */
  principalOf(token: string): Principal | undefined {
    if (this.isOpen) return ANYONE;
    const hash = createHash('sha256').update(token).digest();
    let found: Principal | undefined;
    for (const row of this.#rows) if (timingSafeEqual(row.hash, hash)) found = row.principal;
    return found;
  }

  /** Whether a principal still stands in the file as it did. */
  isValid(principal: Principal): boolean {
    return this.isOpen || this.#rows.some((row) => row.principal.rowMark === principal.rowMark);
  }

  /** Called after each reload. */
  onReload(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the file again. A file that cannot be used leaves the tokens as they are. */
  reload(): void {
    if (this.#path === undefined) return;
    try {
      this.#rows = readTokens(this.#path);
    } catch (error) {
      httpLogger.error({ cause: describeError(error) }, 'the tokens file cannot be used; the tokens stay as they were');
      return;
    }
    httpLogger.info({ tokens: this.#rows.length }, 'tokens read again');
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    if (this.#path !== undefined) unwatchFile(this.#path);
  }
}

function readTokens(path: string): Array<{ hash: Buffer; principal: Principal }> {
  const remedy = 'write {"tokens":[{"name":…,"sha256":…,"roles":["feed"|"live"]}]}; tickgate token makes a row';
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(`GATEWAY_TOKENS_FILE: ${path} cannot be read as JSON: ${describeError(cause)}`, {
      remedy,
      cause,
    });
  }
  const parsed = tokensShape.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(
      `GATEWAY_TOKENS_FILE: ${path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'wrong shape'}`,
      { remedy },
    );
  }
  return parsed.data.tokens.map((row) => ({ hash: Buffer.from(row.sha256, 'hex'), principal: toPrincipal(row) }));
}

function toPrincipal(row: TokenRow): Principal {
  const isFeed = row.roles.includes('feed');
  const isLive = row.roles.includes('live');
  const symbols = row.symbols.includes('*') ? '*' : new Set(row.symbols);
  return {
    name: row.name,
    rowMark: JSON.stringify(row),
    mayFeed: () => isFeed,
    mayPublish: (feed) => isFeed && row.feeds.some((allowed) => matches(allowed, feed)),
    mayWatch: () => isLive,
    maySubscribe: (symbol) => isLive && (symbols === '*' || symbols.has(symbol)),
    symbols,
  };
}

function matches(allowed: string, feed: string): boolean {
  return allowed.endsWith('*') ? feed.startsWith(allowed.slice(0, -1)) : feed === allowed;
}
