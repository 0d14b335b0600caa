import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import { ErrorCode } from '../../src/protocol/error-codes.ts';
import type { FeedOutbox } from '../../src/protocol/feed-outbox.ts';
import { SUBPROTOCOL_MSGPACK } from '../../src/protocol/version.ts';
import { DEFAULT_RECONNECT, type ReconnectLimits, reconnectVerdict } from '../reconnect-policy.ts';
import { FeedRefusedError } from './feed-errors.ts';
import type { FeedFrame } from './feed-frame.ts';
import { decodeFeedMessages, type FeedMessage, type OpenedMessage } from './feed-reply.ts';

export interface FeedLinkOptions {
  readonly url: string;
  readonly feed: string;
  readonly token?: string | undefined;
  readonly instance: string;
  readonly live: boolean;
  readonly firstAttempt: number;
  readonly reconnect?: ReconnectLimits | undefined;
  readonly outbox: FeedOutbox<FeedFrame>;
  readonly events: FeedLinkEvents;
}

export interface FeedLinkEvents {
  onState(state: FeedConnectionState): void;
  /** The feed was opened; the outbox knows where it goes on. */
  onOpened(message: OpenedMessage): void;
  onAck(seq: number): void;
  onCommitted(seq: number): void;
  onRejected(seq: number, rejected: ReadonlyArray<readonly [index: number, reason: string]>): void;
  /** The gateway will not have this feed: nothing more is sent. */
  onRefused(error: FeedRefusedError): void;
  /** An attempt number is about to be used; a journal keeps it. */
  onAttempt(attempt: number): void;
}

export type FeedConnectionState = 'connecting' | 'opening' | 'open' | 'waiting' | 'closed';

const MAX_SOCKET_BYTES = 2 * 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Pings come every 15 s: a socket silent for this time is dead, even where TCP has not noticed. */
const SILENCE_MS = 45_000;
const NOT_NOW_MS = 250;
const FINAL_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.authFailed,
  ErrorCode.insufficientPermission,
  ErrorCode.sequenceReuse,
  ErrorCode.frameTooLarge,
  ErrorCode.invalidSyntax,
]);
const packr = new Packr({ useRecords: false });

/** The feed's connection: connects again for ever, opens the feed on each, and sends the outbox's frames. */
export class FeedLink {
  readonly #options: FeedLinkOptions;
  #socket: WebSocket | undefined;
  #state: FeedConnectionState = 'waiting';
  #attempt: number;
  #hasOpened = false;
  #failures = 0;
  #askedMs = 0;
  #window = { frames: 0, ticks: 0 };
  #lastError: FeedRefusedError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: FeedLinkOptions) {
    this.#options = options;
    this.#attempt = options.firstAttempt;
  }

  start(): void {
    this.#connect();
  }

  /** Sends frames as far as the window allows. */
  pump(): void {
    const socket = this.#socket;
    if (this.#state !== 'open' || socket === undefined || this.#window.frames === 0) return;
    while (socket.bufferedAmount < MAX_SOCKET_BYTES) {
      const frame = this.#options.outbox.takeNext(this.#window.frames, this.#window.ticks);
      if (frame === undefined) return;
      const fills = socket.bufferedAmount + frame.message.length >= MAX_SOCKET_BYTES;
      socket.send(frame.message, fills ? () => this.pump() : undefined);
    }
  }

  /** Ends the connection for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#setState('closed');
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.terminate(), 2_000);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.close(1000, 'done');
    });
  }

  #connect(): void {
    if (this.#isClosed) return;
    this.#setState('connecting');
    const { url, token } = this.#options;
    const socket = new WebSocket(url, SUBPROTOCOL_MSGPACK, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });
    this.#socket = socket;
    this.#lastError = undefined;
    let reason = '';
    socket.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      if (status === 401 || status === 403 || status === 404) {
        this.#lastError = new FeedRefusedError(`the gateway refused the connection with status ${status}`, status);
      }
      response.resume();
      socket.terminate();
    });
    // 'close' follows, and decides.
    socket.on('error', (error) => (reason = error.message));
    socket.on('open', () => this.#listenForLife());
    socket.on('ping', () => this.#listenForLife());
    socket.on('message', (data, isBinary) => {
      this.#listenForLife();
      if (!isBinary || !Buffer.isBuffer(data)) return;
      for (const message of decodeFeedMessages(data)) this.#onMessage(message);
    });
    socket.on('close', (closeCode, closeReason) => {
      if (this.#socket === socket) this.#onClose(closeCode, closeReason.toString() || reason);
    });
  }

  #onMessage(message: FeedMessage): void {
    const { events } = this.#options;
    switch (message.T) {
      case 'success':
        // An open gateway authenticates by itself, a header does; a token in a message is for browsers.
        if (message.msg === 'authenticated') this.#open();
        return;
      case 'opened':
        this.#failures = 0;
        this.#hasOpened = true;
        this.#window = { frames: message.windowFrames, ticks: message.windowTicks };
        this.#setState('open');
        events.onOpened(message);
        return this.pump();
      case 'ack':
        return events.onAck(message.seq);
      case 'committed':
        events.onCommitted(message.seq);
        return this.pump();
      case 'reopen':
        return this.#openLater(0);
      case 'window':
        this.#window = { frames: message.frames, ticks: message.ticks };
        return this.pump();
      case 'shutdown':
        this.#askedMs = message.reconnectAfterMs;
        return;
      case 'error':
        return this.#onError(message);
    }
  }

  #onError(message: Extract<FeedMessage, { T: 'error' }>): void {
    if (message.code === ErrorCode.ticksRejected) {
      if (message.seq !== undefined) this.#options.events.onRejected(message.seq, message.rejected ?? []);
    } else if (message.code === ErrorCode.notNow) this.#openLater(NOT_NOW_MS);
    else if (FINAL_ERRORS.has(message.code)) this.#lastError = new FeedRefusedError(message.msg, message.code);
  }

  /** Opens the feed: after authentication, and whenever the gateway says `reopen`. */
  #open(): void {
    const { feed, instance, live, outbox, events } = this.#options;
    // Until it has been opened once a process is new to the feed, however often it has asked.
    if (this.#hasOpened) this.#attempt += 1;
    events.onAttempt(this.#attempt);
    this.#setState('opening');
    const open = { action: 'open', feed, instance, attempt: this.#attempt, have: outbox.have, live };
    this.#socket?.send(packr.pack(open));
  }

  #openLater(waitMs: number): void {
    this.#setState('opening');
    this.#failures += 1;
    const socket = this.#socket;
    const jitterMs = this.#failures <= 1 ? waitMs : waitMs + Math.random() * Math.min(2_000, 100 * this.#failures);
    this.#timer = setTimeout(() => {
      if (this.#socket === socket && socket?.readyState === WebSocket.OPEN) this.#open();
    }, jitterMs);
  }

  #onClose(code: number, reason: string): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket = undefined;
    if (this.#isClosed) return;
    const verdict = reconnectVerdict(
      code,
      this.#failures,
      Math.random(),
      this.#askedMs,
      this.#options.reconnect ?? DEFAULT_RECONNECT,
    );
    this.#askedMs = 0;
    this.#failures += 1;
    if (!verdict.again || this.#lastError !== undefined) {
      this.#isClosed = true;
      this.#setState('closed');
      this.#options.events.onRefused(
        this.#lastError ?? new FeedRefusedError(`the gateway closed the feed: ${reason} (${code})`, code),
      );
      return;
    }
    this.#setState('waiting');
    this.#timer = setTimeout(() => this.#connect(), verdict.waitMs);
  }

  #listenForLife(): void {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#silence = setTimeout(() => socket?.terminate(), SILENCE_MS);
  }

  #setState(state: FeedConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.events.onState(state);
  }
}
