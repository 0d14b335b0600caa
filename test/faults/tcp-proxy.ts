import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** `up` goes towards the service, `down` comes back from it. */
export type Direction = 'up' | 'down';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** What is done to the bytes of one direction. Nothing set: they pass as they came. */
export interface Shape {
  readonly bytesPerSecond?: number;
  /** Every write carries so many bytes at the most; without Nagle each is a segment of its own. */
  readonly sliceBytes?: number;
}

/**
 * Sees every chunk before it is passed on. `drop` keeps this chunk, and all that follow on the connection, from ever
 * arriving: for a cut at an exact point.
 */
export type Watcher = (chunk: Buffer, direction: Direction, connection: ProxyConnection) => 'pass' | 'drop';

const THROTTLE_TURN_MS = 50;
const SLICES_A_TURN = 64;

/** One connection through the proxy: two sockets, and what can be done to them. */
export class ProxyConnection {
  readonly client: Socket;
  readonly service: Socket;
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };
  /** The bytes of this connection vanish, and neither side is told: a dead path. */
  isDead = false;

  constructor(client: Socket, service: Socket) {
    this.client = client;
    this.service = service;
  }

  /** Both sides get RST. */
  reset(): void {
    resetSocket(this.client);
    resetSocket(this.service);
  }

  /** Both sides get FIN, and nothing more. */
  cut(): void {
    this.client.destroy();
    this.service.destroy();
  }

  /** The client loses the connection; what was sent before reaches the service, and its answer nobody. */
  cutClient(): void {
    resetSocket(this.client);
    this.service.resume();
  }

  /** FIN towards the service, while the client is still open and reading. */
  halfClose(): void {
    this.service.end();
  }
}

/** A TCP proxy that can do to connections what networks do. */
export class TcpProxy implements AsyncDisposable {
  readonly connections: Set<ProxyConnection> = new Set();
  readonly #server: Server;
  readonly #targets: () => ProxyTarget;
  readonly #shapes: Record<Direction, Shape> = { up: {}, down: {} };
  readonly #watchers = new Set<Watcher>();
  /** New connections are reset at once. */
  refuses = false;

  private constructor(targets: () => ProxyTarget) {
    this.#targets = targets;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** @param target asked for every new connection */
  static async start(target: () => ProxyTarget, port = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen({ host: '127.0.0.1', port });
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listening TCP server has an AddressInfo
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection with FIN. @returns how many there were */
  cut(): number {
    return this.#each((connection) => connection.cut());
  }

  /** Ends every connection with RST. */
  reset(): number {
    return this.#each((connection) => connection.reset());
  }

  halfClose(): number {
    return this.#each((connection) => connection.halfClose());
  }

  /** The present connections are dead from now on and nobody is told; new ones work. */
  blackHole(): number {
    return this.#each((connection) => (connection.isDead = true));
  }

  /** Shapes one direction of all connections, present and future. */
  shape(direction: Direction, shape: Shape): void {
    this.#shapes[direction] = shape;
  }

  /** Undoes shapes, watchers and refusal; dead connections stay dead, as they would. */
  heal(): void {
    this.refuses = false;
    this.#shapes.up = {};
    this.#shapes.down = {};
    this.#watchers.clear();
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.reset();
    await Promise.resolve();
  }

  #each(action: (connection: ProxyConnection) => void): number {
    const present = [...this.connections];
    for (const connection of present) action(connection);
    return present.length;
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.refuses) {
      resetSocket(client);
      return;
    }
    const { host, port } = this.#targets();
    const service = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const connection = new ProxyConnection(client, service);
    this.connections.add(connection);
    // Before the service is there the client is told nothing but the end.
    service.once('error', () => resetSocket(client));
    service.on('error', () => undefined);
    client.once('close', () => {
      this.connections.delete(connection);
      if (!connection.isDead) service.end();
    });
    service.once('close', () => {
      if (!connection.isDead) client.destroy();
    });
    service.once('connect', () => {
      void this.#pump(connection, 'up');
      void this.#pump(connection, 'down');
    });
  }

  async #pump(connection: ProxyConnection, direction: Direction): Promise<void> {
    const [from, to] =
      direction === 'up' ? [connection.client, connection.service] : [connection.service, connection.client];
    try {
      for await (const chunk of from) {
        if (!Buffer.isBuffer(chunk)) continue;
        for (const watcher of this.#watchers) {
          if (watcher(chunk, direction, connection) === 'drop') connection.isDead = true;
        }
        if (connection.isDead) continue;
        connection.passed[direction] += chunk.length;
        await this.#forward(connection, chunk, to, direction);
      }
    } catch {
      // The other side of the pair is ended by its own listeners.
    }
    if (!connection.isDead && !to.destroyed) to.end();
  }

  async #forward(connection: ProxyConnection, chunk: Buffer, to: Socket, direction: Direction): Promise<void> {
    let sent = 0;
    let turn = 0;
    while (sent < chunk.length && !to.destroyed && !connection.isDead) {
      const { bytesPerSecond, sliceBytes } = this.#shapes[direction];
      const most = bytesPerSecond === undefined ? chunk.length : (bytesPerSecond * THROTTLE_TURN_MS) / 1_000;
      const size = Math.max(1, Math.floor(Math.min(most, sliceBytes ?? chunk.length)));
      const piece = chunk.subarray(sent, sent + size);
      sent += piece.length;
      const goesOn = to.write(piece);
      if (!goesOn && !to.destroyed) await drained(to);
      if (bytesPerSecond !== undefined) await sleep(THROTTLE_TURN_MS);
      else if (sliceBytes !== undefined && ++turn % SLICES_A_TURN === 0) await nextTurn();
    }
  }
}

/** A socket that has sent FIN can't be reset: Node would leave its handle open, and the event loop spins on it. */
function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

async function drained(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
