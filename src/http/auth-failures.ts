import { httpLogger } from '../logger.ts';

/** An authentication that failed. */
export interface AuthFailure {
  readonly endpoint: 'feed' | 'live' | 'api';
  /**
   * `unknown_token` in a header; `no_token` where one is needed; `no_role`: its row does not allow the endpoint;
   * `refused`: a WebSocket's messages did not authenticate it; `timeout`; `silent`: it left without a message.
   */
  readonly reason: 'unknown_token' | 'no_token' | 'no_role' | 'refused' | 'timeout' | 'silent';
  readonly address: string;
}

export interface AuthObserver {
  onAuthFailed(endpoint: string, reason: string): void;
}

const LOG_SPACING_MS = 10_000;

/** Counts failed authentications by endpoint and reason, and says every ten seconds at most how many there were. */
export class AuthFailures {
  readonly #observer: AuthObserver;
  readonly #nowMs: () => number;
  #nextLogMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(observer: AuthObserver, nowMs: () => number = () => performance.now()) {
    this.#observer = observer;
    this.#nowMs = nowMs;
  }

  readonly onFailure = ({ endpoint, reason, address }: AuthFailure): void => {
    this.#observer.onAuthFailed(endpoint, reason);
    this.#unlogged += 1;
    const nowMs = this.#nowMs();
    if (nowMs < this.#nextLogMs) return;
    this.#nextLogMs = nowMs + LOG_SPACING_MS;
    httpLogger.warn({ endpoint, reason, address, failures: this.#unlogged }, 'authentication failed');
    this.#unlogged = 0;
  };
}
