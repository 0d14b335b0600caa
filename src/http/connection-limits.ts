import { UpgradeRefusal } from './upgrade-refusal.ts';

/** An admitted socket, as it is counted. */
export interface Admission {
  /** It has authenticated, and counts for its address no more. */
  authenticated(): void;
  /** It is gone. */
  closed(): void;
}

/** Reserve: one slot in ten is for clients that authenticate with the upgrade, so that others cannot take them all. */
const RESERVED_SHARE = 10;

/** Counts sockets: all of them, and per address those that have not authenticated. */
export class ConnectionLimits {
  readonly #maxConnections: number;
  readonly #maxUnauthenticated: number;
  readonly #unauthenticated = new Map<string, number>();
  #connections = 0;
  #unauthenticatedOf = 0;

  constructor(maxConnections: number, maxUnauthenticatedPerAddress: number) {
    this.#maxConnections = maxConnections;
    this.#maxUnauthenticated = maxUnauthenticatedPerAddress;
  }

  get connections(): number {
    return this.#connections;
  }

  /**
   * @param isAuthenticated a good token came with the upgrade: the limit of its address does not apply
   * @throws {UpgradeRefusal} 503 when all slots are taken, 429 when the address has too many
   */
  admit(address: string, isAuthenticated: boolean): Admission {
    const unauthenticatedMax = this.#maxConnections - Math.floor(this.#maxConnections / RESERVED_SHARE);
    if (
      this.#connections >= this.#maxConnections ||
      (!isAuthenticated && this.#unauthenticatedOf >= unauthenticatedMax)
    ) {
      throw new UpgradeRefusal(503, 'connection limit exceeded', { 'Retry-After': '5' });
    }
    if (!isAuthenticated && (this.#unauthenticated.get(address) ?? 0) >= this.#maxUnauthenticated) {
      throw new UpgradeRefusal(429, 'too many connections that have not authenticated', { 'Retry-After': '5' });
    }
    this.#connections += 1;
    if (!isAuthenticated) this.#count(address, 1);
    let isUnauthenticated = !isAuthenticated;
    let isOpen = true;
    const authenticated = (): void => {
      if (isUnauthenticated) this.#count(address, -1);
      isUnauthenticated = false;
    };
    const closed = (): void => {
      authenticated();
      if (isOpen) this.#connections -= 1;
      isOpen = false;
    };
    return { authenticated, closed };
  }

  #count(address: string, step: 1 | -1): void {
    this.#unauthenticatedOf += step;
    const count = (this.#unauthenticated.get(address) ?? 0) + step;
    if (count > 0) this.#unauthenticated.set(address, count);
    else this.#unauthenticated.delete(address);
  }
}
