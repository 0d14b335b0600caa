import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Unread {
  readonly socket: Socket;
  readonly bytes: number;
}

/**
 * Bounds the bytes of answers that clients have not read yet. Beyond it the socket with the oldest one is cut: whoever
 * reads is done long before, so it is one that does not.
 */
export class UnreadAnswers {
  readonly #maxBytes: number;
  /** The oldest first. */
  readonly #unread = new Set<Unread>();
  readonly #watched = new WeakSet<Socket>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts an answer until it is handed to the peer's side of the connection, or the connection ends. */
  add(socket: Socket, response: ServerResponse, bytes: number): void {
    const unread: Unread = { socket, bytes };
    this.#unread.add(unread);
    this.#bytes += bytes;
    response.once('close', () => this.#remove(unread));
    this.#watch(socket);
    for (const each of this.#unread) {
      if (this.#bytes <= this.#maxBytes || each === unread) return;
      each.socket.destroy();
      this.#removeAllOf(each.socket);
    }
  }

  /** Answers that wait behind another of a pipelined connection say nothing when it ends. */
  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return;
    this.#watched.add(socket);
    socket.once('close', () => this.#removeAllOf(socket));
  }

  #removeAllOf(socket: Socket): void {
    for (const each of this.#unread) if (each.socket === socket) this.#remove(each);
  }

  #remove(unread: Unread): void {
    if (this.#unread.delete(unread)) this.#bytes -= unread.bytes;
  }
}
