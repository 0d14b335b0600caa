import { SUBPROTOCOL_JSON } from '../../src/protocol/version.ts';
import { type ReconnectLimits, reconnectVerdict } from '../reconnect-policy.ts';
import { type LiveEvent, parseLiveEvents } from './live-events.ts';
import type { OpenWebSocket, WebSocketPort } from './web-socket-port.ts';

/**
 * - `connecting`: on the way; `live`: subscribed, ticks come
 * - `waiting`: cut off, and about to try again; `closed`: ended for good
 */
export type LiveState = 'connecting' | 'live' | 'waiting' | 'closed';

/** The connection has ended for good. */
export class LiveClosedError extends Error {
  override readonly name = 'LiveClosedError';
  /** Close code of the gateway; undefined when this program closed it. */
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined) {
    super(message);
    this.code = code;
  }
}

export interface LiveLinkOptions {
  readonly url: string;
  readonly open: OpenWebSocket;
  /** Asked before each connection, so that it may be a fresh one. */
  readonly token: (() => string | Promise<string>) | undefined;
  readonly reconnect: ReconnectLimits | undefined;
  /** A connection silent for this time is given up. */
  readonly staleMs: number;
  /** The request with which a new connection begins; undefined: nothing is wanted. */
  readonly firstRequest: () => object | undefined;
  readonly onEvents: (events: readonly LiveEvent[]) => void;
  readonly onState: (state: LiveState) => void;
  /** Nothing came for `staleMs`: the connection seems alive and is not. */
  readonly onStale: () => void;
  readonly onClosed: (error: LiveClosedError | undefined) => void;
}

const AUTH_FAILED = 4500;
const NO_REPLY = 4000;
/** Attempts with a fresh token before a refusal is believed. */
const TOKEN_ATTEMPTS = 3;

/** One connection to `/v1/live` that is replaced when it is lost, until the gateway or the program says it is over. */
export class LiveLink {
  readonly #options: LiveLinkOptions;
  #socket: WebSocketPort | undefined;
  #state: LiveState = 'waiting';
  #failures = 0;
  #refusals = 0;
  #askedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveLinkOptions) {
    this.#options = options;
  }

  get state(): LiveState {
    return this.#state;
  }

  start(): void {
    this.#connect();
  }

  /** Sends, if the connection is live; a new connection begins with everything anyway. */
  send(request: object): void {
    if (this.#state === 'live') this.#socket?.send(JSON.stringify(request));
  }

  close(): void {
    this.#end(undefined);
  }

  #connect(): void {
    this.#setState('connecting');
    let socket: WebSocketPort | undefined;
    try {
      socket = this.#options.open(this.#options.url, SUBPROTOCOL_JSON, {
        onMessage: (data) => {
          if (this.#socket === socket && typeof data === 'string') this.#onMessage(data);
        },
        onClose: (code, reason) => {
          if (this.#socket === socket) this.#onClose(code, reason);
        },
      });
    } catch (error) {
      return this.#end(new LiveClosedError(error instanceof Error ? error.message : String(error), undefined));
    }
    this.#socket = socket;
    this.#heard();
  }

  #onMessage(data: string): void {
    this.#heard();
    const events = parseLiveEvents(data);
    for (const event of events) {
      if (event.kind === 'connected') void this.#authenticate();
      else if (event.kind === 'authenticated') this.#begin();
      else if (event.kind === 'shutdown') this.#askedMs = event.reconnectAfterMs;
    }
    this.#options.onEvents(events);
  }

  async #authenticate(): Promise<void> {
    const socket = this.#socket;
    const { token } = this.#options;
    if (token === undefined) return this.#begin();
    try {
      const text = await token();
      if (this.#socket === socket) socket?.send(JSON.stringify({ action: 'auth', token: text }));
    } catch {
      // The source of tokens may be away as well: tried again like any other connection.
      if (this.#socket === socket) this.#abandon();
    }
  }

  #begin(): void {
    if (this.#state !== 'connecting') return;
    this.#failures = 0;
    this.#refusals = 0;
    this.#askedMs = 0;
    const request = this.#options.firstRequest();
    if (request !== undefined) this.#socket?.send(JSON.stringify(request));
    this.#setState('live');
  }

  #onClose(code: number, reason: string): void {
    this.#socket = undefined;
    clearTimeout(this.#staleTimer);
    if (this.#state === 'closed') return;
    const mayHaveNewToken = code === AUTH_FAILED && this.#options.token !== undefined;
    if (mayHaveNewToken && ++this.#refusals < TOKEN_ATTEMPTS) return this.#connectLater(NO_REPLY);
    this.#connectLater(code, reason);
  }

  #connectLater(code: number, reason = ''): void {
    const verdict = reconnectVerdict(code, this.#failures, Math.random(), this.#askedMs, this.#options.reconnect);
    if (!verdict.again) {
      return this.#end(new LiveClosedError(`closed by the gateway: ${reason === '' ? String(code) : reason}`, code));
    }
    this.#failures += 1;
    this.#askedMs = 0;
    this.#setState('waiting');
    this.#timer = setTimeout(() => this.#connect(), verdict.waitMs);
  }

  #heard(): void {
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => {
      this.#options.onStale();
      this.#abandon();
    }, this.#options.staleMs);
  }

  /** Leaves a connection without waiting for its close, which may never come. */
  #abandon(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#staleTimer);
    socket?.close();
    if (this.#state !== 'closed') this.#connectLater(NO_REPLY);
  }

  #end(error: LiveClosedError | undefined): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#timer);
    clearTimeout(this.#staleTimer);
    this.#setState('closed');
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    this.#options.onClosed(error);
  }

  #setState(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState(state);
  }
}
