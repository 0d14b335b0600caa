import { randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { pack, unpack } from 'msgpackr';
import { SUBPROTOCOL_MSGPACK } from '../../src/protocol/version.ts';
import { maskedMessage } from './frame-ring.ts';
import { ServerMessages } from './server-messages.ts';

const OPCODE_PONG = 10;

export interface RawFeedEvents {
  onAck(seq: number): void;
  onCommitted(seq: number): void;
}

/**
 * A feed on a bare socket that sends prepared bytes and reads nothing but `ack` and `committed`: so light that the
 * gateway, not its client, is what a bench measures. Any answer that is no plain progress ends it.
 */
export class RawFeed {
  readonly windowFrames: number;
  readonly windowTicks: number;
  readonly #socket: Socket;
  #failure: Error | undefined;
  #onFailure: ((error: Error) => void) | undefined;

  private constructor(socket: Socket, opened: Readonly<Record<string, unknown>>) {
    this.#socket = socket;
    this.windowFrames = Number(opened['windowFrames']);
    this.windowTicks = Number(opened['windowTicks']);
  }

  /** Connects and opens `feed`, which must be new. @throws {Error} when refused */
  static async open(url: string, feed: string, events: RawFeedEvents): Promise<RawFeed> {
    const socket = await upgrade(new URL('/v1/feed', url));
    socket.setNoDelay(true);
    let opened: ((message: Readonly<Record<string, unknown>>) => void) | undefined;
    let self: RawFeed | undefined;
    const ready = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      opened = resolve;
      socket.once('close', () => reject(new Error('the gateway closed the socket before the feed was open')));
    });
    const fail = (why: string): void => self?.fail(new Error(`${feed}: ${why}`));
    const messages = new ServerMessages({
      onBinary: (payload) => {
        for (const message of messagesOf(payload)) {
          if (message['T'] === 'ack') events.onAck(Number(message['seq']));
          else if (message['T'] === 'committed') events.onCommitted(Number(message['seq']));
          else if (message['T'] === 'opened') opened?.(message);
          else if (message['T'] !== 'success' && message['T'] !== 'window') fail(JSON.stringify(message));
        }
      },
      onPing: (payload) => void socket.write(maskedMessage(payload, OPCODE_PONG)),
      onClose: (code, reason) => fail(`closed with ${code} ${reason}`),
    });
    socket.on('data', (chunk) => messages.push(chunk));
    socket.on('error', (error) => fail(error.message));
    const open = { action: 'open', feed, instance: randomUUID(), attempt: 1, have: 0, live: true };
    socket.write(maskedMessage(pack(open)));
    self = new RawFeed(socket, await ready);
    return self;
  }

  /** Rejects when the gateway says anything but progress. */
  get failed(): Promise<never> {
    return new Promise((_resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      else this.#onFailure = reject;
    });
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure?.(this.#failure);
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#onFailure = undefined;
    this.#socket.destroy();
  }
}

function messagesOf(payload: Buffer): Array<Readonly<Record<string, unknown>>> {
  const decoded: unknown = unpack(payload);
  return Array.isArray(decoded)
    ? decoded.filter((each): each is Record<string, unknown> => typeof each === 'object' && each !== null)
    : [];
}

function upgrade(url: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const upgrading = request({
      host: url.hostname,
      port: url.port,
      path: url.pathname,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
        'sec-websocket-protocol': SUBPROTOCOL_MSGPACK,
      },
    });
    upgrading.once('upgrade', (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    upgrading.once('response', (response) => reject(new Error(`the gateway answered ${response.statusCode}`)));
    upgrading.once('error', reject);
    upgrading.end();
  });
}
