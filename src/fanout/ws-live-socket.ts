import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { LiveSocket } from './fanout-ports.ts';

/**
 * A server-side WebSocket of `ws` that is also written to directly: a frame that goes to many clients is built once and
 * written to each socket as it is. Compression must be off, and nothing else may send data messages meanwhile; pings,
 * pongs and closes of `ws` are whole frames too, so they fall between ours.
 */
export class WsLiveSocket implements LiveSocket {
  readonly #webSocket: WebSocket;
  readonly #stream: Duplex;

  /** @param stream the socket of the upgrade, on which `webSocket` speaks */
  constructor(webSocket: WebSocket, stream: Duplex) {
    this.#webSocket = webSocket;
    this.#stream = stream;
  }

  get bufferedAmount(): number {
    return this.#stream.writableLength;
  }

  sendFrame(frame: Buffer): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#stream.write(frame);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }
}
