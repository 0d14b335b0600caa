import { Packr } from 'msgpackr';
import type { LiveSocket } from '../../../src/fanout/fanout-ports.ts';
import type { CodecName } from '../../../src/protocol/version.ts';
import { payloadOf } from '../open-frame.ts';

export type Message = Record<string, unknown>;

const packr = new Packr({ useRecords: false, int64AsType: 'number' });

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
  isPaused = false;
  readonly #codec: CodecName;

  constructor(codec: CodecName = 'json') {
    this.#codec = codec;
  }

  sendFrame(frame: Buffer): void {
    if (!this.isReading) this.bufferedAmount += frame.length;
    this.frames.push(frame);
    const payload = payloadOf(frame, this.#codec);
    const list: unknown = this.#codec === 'json' ? JSON.parse(payload.toString()) : packr.unpack(payload);
    if (!Array.isArray(list)) throw new Error('a frame that is not an array');
    list.forEach((each: Message) => this.messages.push(each));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
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

/** A tick as `A 1`, a last price as `last A 1`, an error as `error 401`, a success as what it says, others as their type. */
export function short({ T, S, p, code, msg }: Message): string {
  if (T === 't') return `${String(S)} ${String(p)}`;
  if (T === 'last') return `last ${String(S)} ${String(p)}`;
  if (T === 'success') return String(msg);
  return T === 'error' ? `error ${String(code)}` : String(T);
}
