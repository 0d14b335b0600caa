import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { httpLogger } from '../logger.ts';
import { type CodecName, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../protocol/version.ts';
import type { AccessTokens, Authentication, Principal } from './access-tokens.ts';
import { bearerToken } from './bearer-token.ts';
import { addressKey, clientAddress, isLoopbackHost } from './client-address.ts';
import type { AuthFailure } from './auth-failures.ts';
import type { Admission, ConnectionLimits } from './connection-limits.ts';
import { ADMITTED } from './plain-sockets.ts';
import { checkUpgrade, refuseUpgrade, UpgradeRefusal } from './upgrade-refusal.ts';

/** A WebSocket endpoint: a path, its limits, and the handler of its sockets. */
export interface SocketEndpoint {
  readonly path: string;
  /** Whose connections these are: some are reserved for feeds. */
  readonly kind: 'feed' | 'live';
  readonly defaultCodec: CodecName;
  readonly maxMessageBytes: number;
  /** Whether requests with an Origin header are taken: browsers send one, feeds never do. */
  readonly allowsBrowsers: boolean;
  /** Whether a token that came with the upgrade has to do with this endpoint at all; without it every token has. */
  mayConnect?(principal: Principal): boolean;
  /** @param stream the socket of the upgrade, beneath `socket` */
  accept(
    socket: WebSocket,
    codec: CodecName,
    principal: Principal | undefined,
    admission: Admission,
    stream: Duplex,
  ): void;
}

export interface UpgradeRouterOptions {
  readonly endpoints: readonly SocketEndpoint[];
  readonly tokens: AccessTokens;
  readonly limits: ConnectionLimits;
  readonly trustProxy: boolean;
  readonly allowedOrigins: ReadonlySet<string>;
  /** Fragments one message may come in. */
  readonly maxFragments: number;
  /** Largest message before authentication. */
  readonly maxAuthMessageBytes: number;
  readonly onAuthFailed?: (failure: AuthFailure) => void;
}

/** An upgrade whose request is in order. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly target: { readonly endpoint: SocketEndpoint; readonly server: WebSocketServer };
  readonly subprotocol: string | undefined;
  readonly address: string;
  readonly onEarlyError: () => void;
}

/** Bounds of one WebSocket message's pieces, far below the defaults of `ws`. */
const MAX_BUFFERED_CHUNKS = 4_096;
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_PENDING_PONGS = 16;
/** Messages of the largest size that may come before authentication. */
const AUTH_MESSAGES = 4;

/** Takes WebSocket upgrades on an HTTP server: checks the request before anything is answered, then hands it on. */
export class UpgradeRouter {
  readonly #options: UpgradeRouterOptions;
  readonly #servers = new Map<string, { readonly endpoint: SocketEndpoint; readonly server: WebSocketServer }>();
  #server: Server | undefined;
  #isDraining = false;

  constructor(options: UpgradeRouterOptions) {
    this.#options = options;
    for (const endpoint of options.endpoints) {
      const server = new WebSocketServer({
        noServer: true,
        maxPayload: endpoint.maxMessageBytes,
        perMessageDeflate: false,
        clientTracking: false,
        handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
        ...strictReceiver(options.maxFragments),
      });
      this.#servers.set(endpoint.path, { endpoint, server });
    }
  }

  attach(server: Server): void {
    this.#server = server;
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  /** New sockets are refused with 503 from now on. */
  drain(): void {
    this.#isDraining = true;
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A peer that resets during the checks must not end the process.
    const onEarlyError = (): void => void socket.destroy();
    socket.on('error', onEarlyError);
    try {
      if (this.#isDraining) throw new UpgradeRefusal(503, 'draining', { 'Retry-After': '1' });
      const path = checkUpgrade(request);
      const target = this.#servers.get(path);
      if (target === undefined) throw new UpgradeRefusal(404, 'no such endpoint');
      const offered = offeredSubprotocols(request);
      const subprotocol = chooseSubprotocol(offered);
      if (offered.size > 0 && subprotocol === undefined) throw new UpgradeRefusal(400, 'unknown subprotocol');
      this.#checkOrigin(request, target.endpoint);
      const address = addressKey(clientAddress(request, this.#options.trustProxy));
      const upgrade: Upgrade = { request, socket, head, target, subprotocol, address, onEarlyError };
      const principal = this.#principalOf(upgrade);
      if (!(principal instanceof Promise)) return this.#admit(upgrade, principal);
      // Bytes that come meanwhile wait in the socket, which nobody reads.
      principal.then((late) => this.#admit(upgrade, late)).catch((error: unknown) => refuse(socket, error));
    } catch (error) {
      refuse(socket, error);
    }
  }

  /** @throws {UpgradeRefusal} */
  #admit(upgrade: Upgrade, principal: Principal | undefined): void {
    const { request, socket, head, target, subprotocol, address, onEarlyError } = upgrade;
    if (socket.destroyed) return;
    if (this.#isDraining) throw new UpgradeRefusal(503, 'draining', { 'Retry-After': '1' });
    if (principal !== undefined && target.endpoint.mayConnect?.(principal) === false) {
      this.#fail(upgrade, 'no_role');
      throw new UpgradeRefusal(403, 'this token has no rights here');
    }
    const admission = this.#options.limits.admit({
      address,
      kind: target.endpoint.kind,
      isAuthenticated: principal !== undefined,
      // Without tokens everybody is the same principal.
      token: this.#options.tokens.isOpen ? undefined : principal?.name,
    });
    socket.once('close', () => admission.closed());
    this.#server?.emit(ADMITTED, request);
    const codec = chooseCodec(subprotocol, request, target.endpoint);
    target.server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', onEarlyError);
      webSocket.on('error', (error) => httpLogger.debug({ cause: error.message }, 'socket error'));
      if (!admission.isAuthenticated) this.#boundUnauthenticated(webSocket, socket, admission);
      target.endpoint.accept(webSocket, codec, principal, admission, socket);
    });
  }

  /**
   * Bounds what is read before authentication, since `ws` has one bound for all messages and gathers one up to it. After
   * the listener of `ws`: a token in the same read counts already.
   */
  #boundUnauthenticated(webSocket: WebSocket, socket: Duplex, admission: Admission): void {
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      if (admission.isAuthenticated) return void socket.off('data', onData);
      bytes += chunk.length;
      if (bytes > this.#options.maxAuthMessageBytes * AUTH_MESSAGES) webSocket.terminate();
    };
    socket.on('data', onData);
  }

  #checkOrigin(request: IncomingMessage, endpoint: SocketEndpoint): void {
    const { origin, host } = request.headers;
    if (origin === undefined) return;
    if (!endpoint.allowsBrowsers) throw new UpgradeRefusal(403, 'browsers may not publish');
    const isOwn =
      host !== undefined &&
      (origin === `http://${host}` || origin === `https://${host}`) &&
      // DNS rebinding sends the attacker's name as Host and Origin both: without tokens only a loopback name will do.
      (!this.#options.tokens.isOpen || isLoopbackHost(host));
    if (!isOwn && !this.#options.allowedOrigins.has(origin)) throw new UpgradeRefusal(403, 'origin not allowed');
  }

  /**
   * The principal of an Authorization header; undefined where there is none, so that a message may bring the token.
   * @throws {UpgradeRefusal} for a token that is not good; a promise, for a JWT, rejects with it
   */
  #principalOf(upgrade: Upgrade): Principal | undefined | Promise<Principal> {
    const { authorization } = upgrade.request.headers;
    const { tokens } = this.#options;
    if (tokens.isOpen) return tokens.principalOf('');
    if (authorization === undefined) return undefined;
    const token = bearerToken(authorization);
    const verdict = token === undefined ? undefined : tokens.authenticate(token);
    const check = (given: Authentication): Principal => this.#goodPrincipal(upgrade, given);
    return verdict instanceof Promise ? verdict.then(check) : check(verdict);
  }

  /** @throws {UpgradeRefusal} */
  #goodPrincipal(upgrade: Upgrade, verdict: Authentication): Principal {
    if (verdict === 'not-now') throw new UpgradeRefusal(503, 'tokens cannot be checked now', { 'Retry-After': '5' });
    if (verdict !== undefined) return verdict;
    this.#fail(upgrade, 'unknown_token');
    throw new UpgradeRefusal(401, 'auth failed', { 'WWW-Authenticate': 'Bearer' });
  }

  #fail({ target, address }: Upgrade, reason: AuthFailure['reason']): void {
    this.#options.onAuthFailed?.({ endpoint: target.endpoint.kind, reason, address });
  }
}

function refuse(socket: Duplex, error: unknown): void {
  if (!(error instanceof UpgradeRefusal)) httpLogger.error({ err: error }, 'an upgrade could not be handled');
  refuseUpgrade(socket, error instanceof UpgradeRefusal ? error : new UpgradeRefusal(500, 'internal error'));
}

/** Options that `ws` knows and its types don't. */
function strictReceiver(maxFragments: number): object {
  return {
    maxFragments,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    maxPendingAutoPongs: MAX_PENDING_PONGS,
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
}

function offeredSubprotocols(request: IncomingMessage): ReadonlySet<string> {
  const header = request.headers['sec-websocket-protocol'];
  return new Set(header === undefined ? [] : header.split(',').map((name) => name.trim()));
}

function chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
  return [SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON].find((known) => offered.has(known));
}

function chooseCodec(subprotocol: string | undefined, request: IncomingMessage, endpoint: SocketEndpoint): CodecName {
  if (subprotocol !== undefined) return subprotocol === SUBPROTOCOL_MSGPACK ? 'msgpack' : 'json';
  // The Alpaca SDKs ask for their codec by this header.
  const contentType = request.headers['content-type']?.toLowerCase() ?? '';
  if (contentType.startsWith('application/msgpack')) return 'msgpack';
  return contentType.startsWith('application/json') ? 'json' : endpoint.defaultCodec;
}
