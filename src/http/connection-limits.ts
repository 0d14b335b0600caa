import { UpgradeRefusal } from './upgrade-check.ts';

/** An admitted socket's place in the counts. */
export interface Admission {
  /** It has authenticated, and counts for its address no more. */
  authenticated(): void;
  /** It is gone. */
  closed(): void;
}

/** Counts sockets: all of them, and per address those that have not authenticated. */
export class ConnectionLimits {
  readonly #maxConnections: number;
  readonly #maxUnauthenticated: number;
  readonly #unauthenticated = new Map<string, number>();
  #connections = 0;

  constructor(maxConnections: number, maxUnauthenticatedPerAddress: number) {
    this.#maxConnections = maxConnections;
    this.#maxUnauthenticated = maxUnauthenticatedPerAddress;
  }

  get connections(): number {
    return this.#connections;
  }

  /** @throws {UpgradeRefusal} 503 when all places are taken, 429 when the address has too many */
  admit(address: string): Admission {
    if (this.#connections >= this.#maxConnections) {
      throw new UpgradeRefusal(503, 'connection limit exceeded', { 'Retry-After': '5' });
    }
    if ((this.#unauthenticated.get(address) ?? 0) >= this.#maxUnauthenticated) {
      throw new UpgradeRefusal(429, 'too many connections that have not authenticated', { 'Retry-After': '5' });
    }
    this.#connections += 1;
    this.#count(address, 1);
    let isUnauthenticated = true;
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
    const count = (this.#unauthenticated.get(address) ?? 0) + step;
    if (count > 0) this.#unauthenticated.set(address, count);
    else this.#unauthenticated.delete(address);
  }
}
