/** Principal behind a token, with its rights. */
export interface Principal {
  readonly name: string;
  /** Changes when the token's row or key changes: a connection whose mark is not valid any more is cut. */
  readonly rowMark: string;
  /** Expiry by the wall clock, in milliseconds since the epoch; `Infinity` for a token that does not end. */
  readonly endsAtMs: number;
  /** Has the role at all; which feeds is another question. */
  mayFeed(): boolean;
  /** Names that begin with `~` stand for frames without a number, which the gateway's own feeds carry. */
  mayPublish(feed: string): boolean;
  mayWatch(): boolean;
  maySubscribe(symbol: string): boolean;
  readonly symbols: '*' | ReadonlySet<string>;
}

/** Rights as a row or the claims of a JWT name them. */
export interface Rights {
  readonly name: string;
  readonly roles: readonly string[];
  /** Names of feeds it may publish; `*` at the end stands for anything. */
  readonly feeds: readonly string[];
  /** Symbols it may see; `*` is every one. */
  readonly symbols: readonly string[];
}

/** Principal of an open gateway: without tokens everybody may do everything, so it listens on loopback only. */
export const ANYONE: Principal = {
  name: 'anyone',
  rowMark: '',
  endsAtMs: Number.POSITIVE_INFINITY,
  mayFeed: () => true,
  mayPublish: () => true,
  mayWatch: () => true,
  maySubscribe: () => true,
  symbols: '*',
};

export function toPrincipal(rights: Rights, rowMark: string, endsAtMs: number): Principal {
  const isFeed = rights.roles.includes('feed');
  const isLive = rights.roles.includes('live');
  const symbols = rights.symbols.includes('*') ? '*' : new Set(rights.symbols);
  return {
    name: rights.name,
    rowMark,
    endsAtMs,
    mayFeed: () => isFeed,
    mayPublish: (feed) => isFeed && rights.feeds.some((allowed) => matches(allowed, feed)),
    mayWatch: () => isLive,
    maySubscribe: (symbol) => isLive && (symbols === '*' || symbols.has(symbol)),
    symbols,
  };
}

function matches(allowed: string, feed: string): boolean {
  return allowed.endsWith('*') ? feed.startsWith(allowed.slice(0, -1)) : feed === allowed;
}
