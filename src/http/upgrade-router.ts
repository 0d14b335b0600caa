import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { httpLogger } from '../logger.ts';
import { type CodecName, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../protocol/version.ts';
import type { AccessTokens, Principal } from './access-tokens.ts';
import { addressKey, clientAddress, isLoopbackHost } from './client-address.ts';
import type { Admission, ConnectionLimits } from './connection-limits.ts';
import { checkUpgrade, refuseUpgrade, UpgradeRefusal } from './upgrade-refusal.ts';

/** A WebSocket endpoint: a path, its limits, and the handler of its sockets. */
export interface SocketEndpoint {
  readonly path: string;
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
}

/** Bounds of one WebSocket message's pieces, far below the defaults of `ws`. */
const MAX_BUFFERED_CHUNKS = 4_096;
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_PENDING_PONGS = 16;

/** Takes WebSocket upgrades on an HTTP server: checks the request before anything is answered, then hands it on. */
export class UpgradeRouter {
  readonly #options: UpgradeRouterOptions;
  readonly #servers = new Map<string, { readonly endpoint: SocketEndpoint; readonly server: WebSocketServer }>();
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
      const principal = this.#principalOf(request);
      if (principal !== undefined && target.endpoint.mayConnect?.(principal) === false) {
        throw new UpgradeRefusal(403, 'this token has no rights here');
      }
      const address = addressKey(clientAddress(request, this.#options.trustProxy));
      const admission = this.#options.limits.admit(address, principal !== undefined);
      socket.once('close', () => admission.closed());
      const codec = chooseCodec(subprotocol, request, target.endpoint);
      target.server.handleUpgrade(request, socket, head, (webSocket) => {
        socket.off('error', onEarlyError);
        webSocket.on('error', (error) => httpLogger.debug({ cause: error.message }, 'socket error'));
        target.endpoint.accept(webSocket, codec, principal, admission, socket);
      });
    } catch (error) {
      if (!(error instanceof UpgradeRefusal)) httpLogger.error({ err: error }, 'an upgrade could not be handled');
      refuseUpgrade(socket, error instanceof UpgradeRefusal ? error : new UpgradeRefusal(500, 'internal error'));
    }
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

  /** The principal of an Authorization header; undefined where there is none, so that a message may bring the token. */
  #principalOf(request: IncomingMessage): Principal | undefined {
    const { authorization } = request.headers;
    if (this.#options.tokens.isOpen) return this.#options.tokens.principalOf('');
    if (authorization === undefined) return undefined;
    const token = /^Bearer ([\x21-\x7e]{1,1024})$/i.exec(authorization)?.[1];
    const principal = token === undefined ? undefined : this.#options.tokens.principalOf(token);
    if (principal === undefined) throw new UpgradeRefusal(401, 'auth failed', { 'WWW-Authenticate': 'Bearer' });
    return principal;
  }
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
