import type { LiveSocket } from '../../../src/fanout/fanout-ports.ts';
import type { CodecName } from '../../../src/protocol/version.ts';
import { openFrame } from '../open-frame.ts';

export type Message = Record<string, unknown>;

/** The socket of a dashboard that reads everything at once, or nothing. */
export class FakeSocket implements LiveSocket {
  bufferedAmount = 0;
  isReading = true;
  /** Every message, arrays unpacked. */
  readonly messages: Message[] = [];
  readonly frames: Buffer[] = [];
  /** Code of the close that was asked for. */
  closedWith: number | undefined;
  isTerminated = false;
  readonly #codec: CodecName;

  constructor(codec: CodecName = 'json') {
    this.#codec = codec;
  }

  sendFrame(frame: Buffer): void {
    if (!this.isReading) this.bufferedAmount += frame.length;
    this.frames.push(frame);
    this.messages.push(...openFrame(frame, this.#codec));
  }

  close(code: number): void {
    this.closedWith = code;
  }

  terminate(): void {
    this.isTerminated = true;
  }

  ofType(type: string): Message[] {
    return this.messages.filter(({ T }) => T === type);
  }

  /** Prices of the ticks, in their order. */
  get prices(): unknown[] {
    return this.ofType('t').map(({ p }) => p);
  }

  /** What comes after this call, in short: see {@link short}. */
  take(): string[] {
    return this.messages.splice(0).map(short);
  }
}

/** A tick as `A 1`, a last price as `last A 1`, an error as `error 401`, another message as its type. */
export function short({ T, S, p, code }: Message): string {
  if (T === 't') return `${String(S)} ${String(p)}`;
  if (T === 'last') return `last ${String(S)} ${String(p)}`;
  return T === 'error' ? `error ${String(code)}` : String(T);
}
