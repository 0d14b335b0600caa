import type { WebSocket } from 'ws';
import { nextTurn } from '../base/next-turn.ts';
import { httpLogger } from '../logger.ts';
import { CloseCode } from '../protocol/close-codes.ts';
import type { AccessTokens, Principal } from './access-tokens.ts';
import type { AuthFailure } from './auth-failures.ts';
import type { Admission } from './connection-limits.ts';

/** One client's connection, whatever its endpoint. */
export interface KeptConnection {
  readonly isAuthenticated: boolean;
  readonly principal: { readonly name: string } | undefined;
  /** Set by the keeper: called when it authenticates by a message, which may be after that message. */
  onAuthenticated?: (() => void) | undefined;
  /** False while the gateway itself does not read: silence then says nothing about the peer. */
  readonly isReading: boolean;
  onMessage(data: Buffer, isBinary: boolean): void;
  onClose(): void;
  /** Announces the end and answers every message taken. */
  drain(reconnectAfterMs: number): Promise<void>;
  end(code: number, reason: string): void;
  /** Says that nobody authenticated in time. */
  refuseLateAuth(): void;
}

export interface SocketKeeperOptions {
  readonly authDeadlineMs: number;
  readonly pingIntervalMs: number;
  /** Control frames a second from one client before it is cut; `ws` answers each ping by itself. */
  readonly maxControlFrames: number;
  /** Largest message before authentication. */
  readonly maxAuthMessageBytes: number;
  readonly tokens: AccessTokens;
  readonly onAuthFailed?: (failure: AuthFailure) => void;
}

interface Kept {
  readonly socket: WebSocket;
  readonly connection: KeptConnection;
  readonly admission: Admission;
  readonly openedMs: number;
  missedPongs: number;
  heard: boolean;
  /** How its authentication stands, if it ends now. */
  authFailure: AuthFailure['reason'];
}

const MAX_MISSED_PONGS = 2;
const CLOCK_MS = 250;
/** Sockets that are written to in one turn of the event loop: thousands at once would keep everybody else waiting. */
const SOCKETS_A_TURN = 25;

/**
 * Keeps all sockets alive or ends them, by one clock for all: authentication deadline, pings, revoked tokens, drain.
 */
export class SocketKeeper implements Disposable {
  readonly #options: SocketKeeperOptions;
  readonly #kept = new Set<Kept>();
  /** Those that have not authenticated, the oldest first. */
  readonly #unauthenticated = new Set<Kept>();
  #isExpiring = false;
  #isCutting = false;
  #clock: NodeJS.Timeout | undefined;
  #nextPingMs: number;

  constructor(options: SocketKeeperOptions) {
    this.#options = options;
    this.#nextPingMs = Date.now() + options.pingIntervalMs;
    options.tokens.onReload(() => void this.#cutRevoked().catch(logFailure));
  }

  start(): void {
    this.#clock ??= setInterval(() => this.#tick(Date.now()), CLOCK_MS);
  }

  get size(): number {
    return this.#kept.size;
  }

  keep(socket: WebSocket, connection: KeptConnection, admission: Admission): void {
    const kept: Kept = {
      socket,
      connection,
      admission,
      openedMs: Date.now(),
      missedPongs: 0,
      heard: true,
      authFailure: 'silent',
    };
    this.#kept.add(kept);
    if (connection.isAuthenticated) admission.authenticated(undefined);
    else this.#unauthenticated.add(kept);
    connection.onAuthenticated = () => this.#onAuthenticated(kept);
    let controlFrames = 0;
    let controlSinceMs = 0;
    const onControl = (): void => {
      kept.heard = true;
      const nowMs = Date.now();
      if (nowMs - controlSinceMs > 1_000) [controlSinceMs, controlFrames] = [nowMs, 0];
      controlFrames += 1;
      if (controlFrames <= this.#options.maxControlFrames) return;
      connection.end(CloseCode.rate, 'too many control frames');
      // A flooding client is not read any further, not even for its answer to the close.
      socket.pause();
    };
    socket.on('message', (data, isBinary) => {
      kept.heard = true;
      kept.authFailure = 'refused';
      const message = toBuffer(data);
      // Before authentication nothing larger than a token is parsed. While one is verified the connection does not read.
      const isUnknown = !connection.isAuthenticated && connection.isReading;
      if (isUnknown && message.length > this.#options.maxAuthMessageBytes) {
        return connection.end(CloseCode.tooLarge, 'authenticate first');
      }
      connection.onMessage(message, isBinary);
      if (connection.isAuthenticated) this.#onAuthenticated(kept);
    });
    socket.on('ping', onControl);
    socket.on('pong', onControl);
    socket.once('close', () => {
      this.#kept.delete(kept);
      this.#unauthenticated.delete(kept);
      this.#reportUnauthenticated(kept);
      admission.closed();
      connection.onClose();
    });
  }

  /** Announces the end to all, answers every message taken from them, and spreads their return. */
  async drain(spreadMs: number): Promise<void> {
    const connections = [...this.#kept].map((kept) => kept.connection);
    await Promise.all(
      connections.map((connection, at) =>
        connection.drain(Math.round((spreadMs * at) / Math.max(1, connections.length))),
      ),
    );
  }

  /** Closes all, politely; after `waitMs` the rest is cut. */
  async closeAll(code: number, reason: string, waitMs: number): Promise<void> {
    const sockets = [...this.#kept].map((kept) => kept.socket);
    for (const kept of this.#kept) kept.connection.end(code, reason);
    const deadlineMs = Date.now() + waitMs;
    while (this.#kept.size > 0 && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const socket of sockets) socket.terminate();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#clock);
    for (const kept of this.#kept) kept.socket.terminate();
  }

  #onAuthenticated(kept: Kept): void {
    if (!kept.connection.isAuthenticated || !this.#unauthenticated.delete(kept)) return;
    const { connection, admission } = kept;
    const token = this.#options.tokens.isOpen ? undefined : connection.principal?.name;
    if (!admission.authenticated(token)) connection.end(CloseCode.rate, 'too many connections of this token');
  }

  #reportUnauthenticated({ admission, authFailure: reason }: Kept): void {
    if (admission.isAuthenticated) return;
    this.#options.onAuthFailed?.({ endpoint: admission.kind, reason, address: admission.address });
  }

  #tick(nowMs: number): void {
    // Expiry of tokens is looked for with each tick: a timer for each would follow no step of the wall clock.
    this.#cutRevoked().catch(logFailure);
    this.#expireUnauthenticated(nowMs).catch(logFailure);
    if (nowMs < this.#nextPingMs) return;
    this.#nextPingMs = nowMs + this.#options.pingIntervalMs;
    this.#pingAll().catch(logFailure);
  }

  async #expireUnauthenticated(nowMs: number): Promise<void> {
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    try {
      let inTurn = 0;
      for (const kept of this.#unauthenticated) {
        if (nowMs - kept.openedMs <= this.#options.authDeadlineMs) break;
        this.#unauthenticated.delete(kept);
        kept.authFailure = 'timeout';
        kept.connection.refuseLateAuth();
        kept.connection.end(CloseCode.authTimeout, 'auth timeout');
        inTurn += 1;
        if (inTurn % SOCKETS_A_TURN === 0) await nextTurn();
      }
    } finally {
      this.#isExpiring = false;
    }
  }

  async #pingAll(): Promise<void> {
    let inTurn = 0;
    for (const kept of this.#kept) {
      this.#ping(kept);
      inTurn += 1;
      if (inTurn % SOCKETS_A_TURN === 0) await nextTurn();
    }
  }

  #ping(kept: Kept): void {
    const { socket, connection } = kept;
    if (kept.heard || !connection.isReading) kept.missedPongs = 0;
    else kept.missedPongs += 1;
    kept.heard = false;
    if (kept.missedPongs >= MAX_MISSED_PONGS) {
      httpLogger.info({ principal: connection.principal?.name }, 'no pong: connection ended');
      connection.end(CloseCode.noPong, 'no pong');
      socket.terminate();
    } else if (socket.readyState === socket.OPEN) socket.ping();
  }

  async #cutRevoked(): Promise<void> {
    const { tokens } = this.#options;
    if (tokens.isOpen || this.#isCutting) return;
    this.#isCutting = true;
    try {
      let inTurn = 0;
      for (const { connection } of this.#kept) {
        const { principal } = connection;
        if (principal === undefined || !isPrincipal(principal) || tokens.isValid(principal)) continue;
        if (tokens.isUndecided(principal)) connection.end(CloseCode.tryAgainLater, 'tokens cannot be checked now');
        else connection.end(CloseCode.authFailed, tokens.hasEnded(principal) ? 'token expired' : 'token revoked');
        inTurn += 1;
        if (inTurn % SOCKETS_A_TURN === 0) await nextTurn();
      }
    } finally {
      this.#isCutting = false;
    }
  }
}

function logFailure(error: unknown): void {
  httpLogger.error({ err: error }, 'a round over the sockets failed');
}

function isPrincipal(value: object): value is Principal {
  return 'rowMark' in value;
}

function toBuffer(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
