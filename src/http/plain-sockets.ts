import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressKey } from './client-address.ts';

export interface PlainSocketLimits {
  /** Sockets that are no WebSocket, or not yet. */
  readonly maxPlainSockets: number;
  readonly maxPlainPerAddress: number;
  /** Of those of one address, the ones that have not sent a request. */
  readonly maxConnectingPerAddress: number;
  /** A request must be answered, and its answer read, within this time. */
  readonly answerDeadlineMs: number;
  /** False where all sockets come from one proxy: there it is the proxy that bounds its clients. */
  readonly countsAddresses: boolean;
}

/** Event of a server, with the request: an upgrade is admitted, and counted elsewhere from now on. */
export const ADMITTED = 'admitted';

/** Order of displacement: the first state is cut first. */
const STATES = ['connecting', 'idle', 'answering'] as const;
type State = (typeof STATES)[number];

interface PlainSocket {
  readonly key: string;
  readonly socket: Socket;
  readonly address: string;
  state: State;
  /** Requests not yet answered; HTTP pipelining may send several. */
  unanswered: number;
  /** Since when the answer under way is due. */
  sinceMs: number;
}

/** Sockets of one address by state, the oldest first. */
type AddressSockets = Readonly<Record<State, Set<PlainSocket>>>;

/** Browsers send one request at a time, other clients a few. */
const MAX_PIPELINED = 16;
const SWEEP_MS = 500;

/**
 * Bounds the sockets that speak plain HTTP or have not upgraded yet: they cost memory, and nothing authenticates them.
 * Displacement, not refusal: one more than may be cuts the oldest, so that whoever fills all of them keeps nobody out.
 * A WebSocket is counted no more from its admission on.
 */
export class PlainSockets {
  readonly #limits: PlainSocketLimits;
  /** By connection, since a request under TLS knows its addresses but not the TCP socket. */
  readonly #sockets = new Map<string, PlainSocket>();
  readonly #addresses = new Map<string, AddressSockets>();
  /** The one whose answer is due first comes first. */
  readonly #answering = new Set<PlainSocket>();

  constructor(server: Server, limits: PlainSocketLimits) {
    this.#limits = limits;
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#onRequest(request, response),
    );
    server.prependListener('upgrade', (request: IncomingMessage) => this.#onUpgrade(request));
    server.on(ADMITTED, (request: IncomingMessage) => this.#forget(connectionKey(request.socket)));
    const sweep = setInterval(() => this.#cutLate(Date.now()), SWEEP_MS).unref();
    server.once('close', () => clearInterval(sweep));
  }

  get size(): number {
    return this.#sockets.size;
  }

  #onConnection(socket: Socket): void {
    // Reset before it was accepted.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const address = this.#limits.countsAddresses ? addressKey(socket.remoteAddress) : '';
    const key = connectionKey(socket);
    this.#forget(key);
    this.#makeRoom(address);
    const plain: PlainSocket = { key, socket, address, state: 'connecting', unanswered: 0, sinceMs: 0 };
    this.#sockets.set(key, plain);
    this.#socketsOf(address).connecting.add(plain);
    socket.once('close', () => {
      if (this.#sockets.get(key) === plain) this.#forget(key);
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const plain = this.#sockets.get(connectionKey(request.socket));
    if (plain === undefined) return;
    plain.unanswered += 1;
    if (plain.unanswered > MAX_PIPELINED) return void plain.socket.destroy();
    if (plain.unanswered === 1) this.#enter(plain, 'answering');
    response.once('close', () => {
      plain.unanswered -= 1;
      // One that is gone meanwhile is in no set.
      if (this.#answering.has(plain)) this.#enter(plain, plain.unanswered === 0 ? 'idle' : 'answering');
    });
  }

  /** Its answer is due like any other's, until it is admitted or refused. */
  #onUpgrade(request: IncomingMessage): void {
    const plain = this.#sockets.get(connectionKey(request.socket));
    if (plain !== undefined) this.#enter(plain, 'answering');
  }

  #enter(plain: PlainSocket, state: State): void {
    const sockets = this.#socketsOf(plain.address);
    sockets[plain.state].delete(plain);
    sockets[state].add(plain);
    plain.state = state;
    plain.sinceMs = Date.now();
    this.#answering.delete(plain);
    if (state === 'answering') this.#answering.add(plain);
  }

  #makeRoom(address: string): void {
    const { maxPlainSockets, maxPlainPerAddress, maxConnectingPerAddress, countsAddresses } = this.#limits;
    const sockets = this.#addresses.get(address);
    if (countsAddresses && sockets !== undefined) {
      if (sockets.connecting.size >= maxConnectingPerAddress || sizeOf(sockets) >= maxPlainPerAddress) {
        return this.#cutOldest(sockets);
      }
    }
    if (this.#sockets.size >= maxPlainSockets) this.#cutOldest(this.#largest());
  }

  /** The address with the most sockets. */
  #largest(): AddressSockets | undefined {
    let [largest, most]: [AddressSockets | undefined, number] = [undefined, 0];
    for (const sockets of this.#addresses.values()) {
      const size = sizeOf(sockets);
      if (size > most) [largest, most] = [sockets, size];
    }
    return largest;
  }

  #cutOldest(sockets: AddressSockets | undefined): void {
    for (const state of STATES) {
      for (const plain of sockets?.[state] ?? []) {
        this.#forget(plain.key);
        return void plain.socket.destroy();
      }
    }
  }

  #cutLate(nowMs: number): void {
    for (const plain of this.#answering) {
      if (nowMs - plain.sinceMs <= this.#limits.answerDeadlineMs) break;
      plain.socket.destroy();
    }
  }

  #socketsOf(address: string): AddressSockets {
    let sockets = this.#addresses.get(address);
    if (sockets === undefined) {
      sockets = { connecting: new Set(), idle: new Set(), answering: new Set() };
      this.#addresses.set(address, sockets);
    }
    return sockets;
  }

  #forget(key: string): void {
    const plain = this.#sockets.get(key);
    if (plain === undefined) return;
    this.#sockets.delete(key);
    this.#answering.delete(plain);
    const sockets = this.#socketsOf(plain.address);
    sockets[plain.state].delete(plain);
    if (sizeOf(sockets) === 0) this.#addresses.delete(plain.address);
  }
}

function sizeOf({ connecting, idle, answering }: AddressSockets): number {
  return connecting.size + idle.size + answering.size;
}

/** Both ends: one peer may use the same port towards two addresses of ours. */
function connectionKey({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0} ${localAddress ?? ''} ${localPort ?? 0}`;
}
