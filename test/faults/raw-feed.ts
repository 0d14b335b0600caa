import { once } from 'node:events';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { SUBPROTOCOL_JSON } from '../../src/protocol/version.ts';
import { frameContent } from './feed-content.ts';

export interface RawMessage {
  readonly T: string;
  readonly seq?: number | undefined;
  readonly code?: number | undefined;
  readonly [field: string]: unknown;
}

const Message: z.ZodType<RawMessage> = z.looseObject({
  T: z.string(),
  seq: z.number().optional(),
  code: z.number().optional(),
});

export const RAW_TICKS_A_FRAME = 10;
const ANSWER_LIMIT_MS = 15_000;

/** A feed by hand, message by message, for what a right client never does. */
export class RawFeed implements AsyncDisposable {
  readonly messages: RawMessage[] = [];
  closeCode: number | undefined;
  readonly #socket: WebSocket;
  readonly #feed: string;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket, feed: string) {
    this.#socket = socket;
    this.#feed = feed;
    socket.on('message', (data) => {
      for (const message of z.array(Message).parse(JSON.parse(Buffer.isBuffer(data) ? data.toString() : '[]')))
        this.messages.push(message);
      for (const wake of this.#waiting) wake();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      for (const wake of this.#waiting) wake();
    });
    socket.on('error', () => undefined);
  }

  /** @param port of a gateway, or of a proxy before it */
  static async connect(port: number, feed: string): Promise<RawFeed> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/feed`, SUBPROTOCOL_JSON);
    const raw = new RawFeed(socket, feed);
    await once(socket, 'open');
    await raw.answer('success', (message) => message['msg'] === 'authenticated');
    return raw;
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Opens the feed. @returns the last seq accepted */
  async open(instance: string, attempt: number, have = 0): Promise<number> {
    this.messages.length = 0;
    this.send({ action: 'open', feed: this.#feed, instance, attempt, have });
    const opened = await this.answer('opened');
    return z.number().parse(opened['accepted']);
  }

  /** Publishes a frame of the fault tests' content; another `price` makes it another frame. */
  publish(seq: number, price?: number): void {
    const ticks = frameContent(this.#feed, seq, RAW_TICKS_A_FRAME).map((tick) => [
      tick.symbol,
      price ?? tick.price,
      tick.volume,
      tick.timeMicros,
    ]);
    this.send({ action: 'publish', seq, prev: seq - 1, ticks });
  }

  /** Waits for a message, those that came already included. @throws {Error} when it doesn't come */
  async answer(type: string, fits: (message: RawMessage) => boolean = () => true): Promise<RawMessage> {
    const found = (): RawMessage | undefined => this.messages.find((message) => message.T === type && fits(message));
    await this.#until(`a message ${type}`, () => found() !== undefined);
    return z.custom<RawMessage>().parse(found());
  }

  async closed(): Promise<number> {
    await this.#until('the close', () => this.closeCode !== undefined);
    return this.closeCode ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    if (this.closeCode === undefined) await once(this.#socket, 'close');
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    let wake: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        wake = () => {
          if (holds()) resolve();
        };
        this.#waiting.add(wake);
        timer = setTimeout(() => reject(new Error(`${this.#feed}: ${what} did not come`)), ANSWER_LIMIT_MS);
        wake();
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(wake);
    }
  }
}
