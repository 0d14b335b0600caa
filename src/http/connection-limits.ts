import { UpgradeRefusal } from './upgrade-refusal.ts';

export interface ConnectionLimitOptions {
  readonly maxConnections: number;
  readonly maxUnauthenticatedPerAddress: number;
  /** Percent of all connections that only feeds may take. */
  readonly feedReservePercent: number;
  /** Percent of all connections, and of the reserve for feeds, that one token may take. */
  readonly tokenSharePercent: number;
}

/** A socket that asks for a connection. */
export interface ConnectionRequest {
  readonly address: string;
  readonly kind: 'feed' | 'live';
  /** A good token came with the upgrade, or none is needed: the limit of its address does not apply. */
  readonly isAuthenticated: boolean;
  /** Name of its token; undefined where it has none yet, and where none is needed. */
  readonly token: string | undefined;
}

/** An admitted socket, as it is counted. */
export interface Admission {
  readonly address: string;
  readonly kind: 'feed' | 'live';
  readonly isAuthenticated: boolean;
  /**
   * It has authenticated, and counts for its address no more, but for its token.
   * @returns false when that token has too many connections: this one is to be closed
   */
  authenticated(token: string | undefined): boolean;
  /** It is gone. */
  closed(): void;
}

/** Reserve: one slot in ten is for clients that authenticate with the upgrade, so that others cannot take them all. */
const RESERVED_SHARE = 10;
const RETRY = { 'Retry-After': '5' };

/** Counts WebSockets: all of them, those of dashboards, per token, and per address those that have not authenticated. */
export class ConnectionLimits {
  readonly #options: ConnectionLimitOptions;
  readonly #maxLive: number;
  readonly #maxPerToken: number;
  /** Of one token, beyond which its feeds have no part in the reserve. */
  readonly #maxReservedPerToken: number;
  readonly #unauthenticated = new Map<string, number>();
  readonly #tokens = { feed: new Map<string, number>(), live: new Map<string, number>() };
  readonly #connections = { feed: 0, live: 0 };
  #unauthenticatedOf = 0;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
    const { maxConnections, feedReservePercent, tokenSharePercent } = options;
    const reserve = Math.floor((maxConnections * feedReservePercent) / 100);
    this.#maxLive = maxConnections - reserve;
    this.#maxPerToken = Math.max(1, Math.floor((maxConnections * tokenSharePercent) / 100));
    this.#maxReservedPerToken = Math.max(1, Math.floor((reserve * tokenSharePercent) / 100));
  }

  get connections(): number {
    return this.#connections.feed + this.#connections.live;
  }

  /** @throws {UpgradeRefusal} 503 when all slots are taken, 429 when its address or token has too many */
  admit(request: ConnectionRequest): Admission {
    const { address, kind, token } = request;
    this.#check(request);
    this.#connections[kind] += 1;
    let isAuthenticated = request.isAuthenticated;
    if (isAuthenticated) this.#countToken(kind, token, 1);
    else this.#countAddress(address, 1);
    let countedToken = isAuthenticated ? token : undefined;
    let isOpen = true;
    return {
      address,
      kind,
      get isAuthenticated() {
        return isAuthenticated;
      },
      authenticated: (name) => {
        if (isAuthenticated || !isOpen) return true;
        isAuthenticated = true;
        this.#countAddress(address, -1);
        const isWithin = name === undefined || this.#ofToken(name) < this.#maxPerToken;
        countedToken = name;
        this.#countToken(kind, name, 1);
        return isWithin;
      },
      closed: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#connections[kind] -= 1;
        if (isAuthenticated) this.#countToken(kind, countedToken, -1);
        else this.#countAddress(address, -1);
      },
    };
  }

  #check({ address, kind, isAuthenticated, token }: ConnectionRequest): void {
    const { maxConnections, maxUnauthenticatedPerAddress } = this.#options;
    if (this.connections >= maxConnections || !this.#hasRoom(kind, isAuthenticated, token)) {
      throw new UpgradeRefusal(503, 'connection limit exceeded', RETRY);
    }
    if (!isAuthenticated && (this.#unauthenticated.get(address) ?? 0) >= maxUnauthenticatedPerAddress) {
      throw new UpgradeRefusal(429, 'too many connections that have not authenticated', RETRY);
    }
    if (token !== undefined && this.#ofToken(token) >= this.#maxPerToken) {
      throw new UpgradeRefusal(429, 'too many connections of this token', RETRY);
    }
  }

  /** The reserve is for feeds: half of it for those whose token came with the upgrade, a share for each token. */
  #hasRoom(kind: 'feed' | 'live', isAuthenticated: boolean, token: string | undefined): boolean {
    const { maxConnections } = this.#options;
    const isUnauthenticatedFull =
      this.#unauthenticatedOf >= maxConnections - Math.floor(maxConnections / RESERVED_SHARE);
    if (!isAuthenticated && isUnauthenticatedFull) return false;
    if (kind === 'live') return this.#connections.live < this.#maxLive;
    if (this.connections < this.#maxLive) return true;
    if (!isAuthenticated) return this.connections < (maxConnections + this.#maxLive) / 2;
    return token === undefined || (this.#tokens.feed.get(token) ?? 0) < this.#maxReservedPerToken;
  }

  #ofToken(token: string): number {
    return (this.#tokens.feed.get(token) ?? 0) + (this.#tokens.live.get(token) ?? 0);
  }

  #countToken(kind: 'feed' | 'live', token: string | undefined, step: 1 | -1): void {
    if (token !== undefined) addTo(this.#tokens[kind], token, step);
  }

  #countAddress(address: string, step: 1 | -1): void {
    this.#unauthenticatedOf += step;
    addTo(this.#unauthenticated, address, step);
  }
}

function addTo(counts: Map<string, number>, key: string, step: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + step;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
