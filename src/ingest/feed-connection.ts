import { HeldMessages } from '../base/held-messages.ts';
import { randomId } from '../base/random-id.ts';
import { ingestLogger } from '../logger.ts';
import { BadFrameError } from '../market/bad-frame-error.ts';
import { FrameTooLargeError, TickChecker } from '../market/tick-check.ts';
import { ErrorCode } from '../protocol/error-codes.ts';
import { type FeedRequest, type OpenRequest, parseFeedRequest, type PublishRequest } from '../protocol/feed-request.ts';
import { encodeReplies, errorReply, type FeedReply } from '../protocol/reply-codec.ts';
import { type CodecName, PROTOCOL_VERSION } from '../protocol/version.ts';
import { INTERNAL_FEED_PREFIX } from '../stream/internal-feed-names.ts';
import type { FeedOpenResult, OpenedFeed } from './feed-opener.ts';
import type { FeedLimits, FeedPeer } from './feed-ports.ts';
import { FeedSlot, type FeedSlotServices } from './feed-slot.ts';
import { endedSession, FEED_VERDICTS, type FeedVerdict, refusedMessage, refusedOpen } from './feed-verdicts.ts';
import { FrameRate } from './frame-rate.ts';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import type { InternalFeed } from './internal-feed.ts';
import { OneOffPublisher } from './one-off-publisher.ts';
import { type PauseReason, ReadingGate } from './reading-gate.ts';
import type { SessionEnd } from './session-rules.ts';

/** The WebSocket as this endpoint needs it. */
export interface FeedSocket {
  readonly bufferedAmount: number;
  send(data: string | Buffer): void;
  close(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

/** The token's holder on a connection. */
export interface FeedPrincipal {
  readonly name: string;
  mayPublish(feed: string): boolean;
}

export interface FeedEndpointOptions extends FeedLimits {
  readonly maxFrameBytes: number;
  readonly maxFrameTicks: number;
  readonly maxFrameDays: number;
  /** Frames a second of one connection; 0: no limit. */
  readonly rateFrames: number;
  /** Most bytes of answers that wait for a feed that does not read them, before it is cut. */
  readonly queueBytes: number;
}

/** Options and services that all connections of the endpoint share. */
export interface FeedEndpoint extends FeedSlotServices {
  readonly options: FeedEndpointOptions;
  /** Carries the frames of publishers that don't number. */
  readonly internalFeed: Pick<InternalFeed, 'publish'>;
  /** Undefined where the token is not good, `not-now` where that cannot be known; a promise never rejects. */
  authenticate(token: string): FeedAuthentication | Promise<FeedAuthentication>;
}

type FeedAuthentication = FeedPrincipal | 'not-now' | undefined;

/** Bounds of what a client sends behind an `auth` that is being verified; reading is paused then. */
const HELD_BEHIND_AUTH = { maxMessages: 32, maxBytes: 64 * 1024 };

const checker = new TickChecker();

/** Feed connection: authentication, one feed at a time, back-pressure, and the answers. */
export class FeedConnection implements FeedPeer {
  readonly id: string = randomId(9);
  readonly #endpoint: FeedEndpoint;
  readonly #clock: Clock;
  readonly #socket: FeedSocket;
  readonly #codec: CodecName;
  readonly #slot: FeedSlot;
  readonly #reading: ReadingGate;
  readonly #rate: FrameRate;
  readonly #oneOff: OneOffPublisher;
  /** Told of an authentication by message, once. */
  onAuthenticated: (() => void) | undefined;
  #principal: FeedPrincipal | undefined;
  /** Messages behind an `auth` that is being verified. */
  #held: HeldMessages | undefined;
  #hasOpened = false;
  #isClosed = false;
  #cancelRatePause: (() => void) | undefined;

  /** @param principal undefined where the client has yet to send `auth` */
  constructor(endpoint: FeedEndpoint, socket: FeedSocket, codec: CodecName, principal: FeedPrincipal | undefined) {
    this.#endpoint = endpoint;
    this.#clock = endpoint.clock ?? SYSTEM_CLOCK;
    this.#socket = socket;
    this.#codec = codec;
    const { options, internalFeed, observer } = endpoint;
    this.#reading = new ReadingGate((isReading) => (isReading ? socket.resume() : socket.pause()));
    this.#rate = new FrameRate(options.rateFrames, this.#clock.now());
    this.#slot = new FeedSlot({
      services: endpoint,
      limits: options,
      connectionId: this.id,
      peer: this,
      onOpened: (feed, opened) => this.#onOpened(feed, opened),
      onRefused: (feed, result) => this.#onRefused(feed, result),
      onEnd: (feed, end) => this.#onSessionEnd(feed, end),
    });
    this.#oneOff = new OneOffPublisher({
      internalFeed,
      limits: options,
      observer,
      reply: (...replies) => this.reply(...replies),
      setPaused: (isPaused) => this.#pause('one-off', isPaused),
    });
    this.reply({ T: 'success', msg: 'connected', v: PROTOCOL_VERSION, id: this.id });
    if (principal !== undefined) this.#welcome(principal);
  }

  get isAuthenticated(): boolean {
    return this.#principal !== undefined;
  }

  get principal(): FeedPrincipal | undefined {
    return this.#principal;
  }

  /** False while reading is paused: pongs are not read then, so their absence proves nothing. */
  get isReading(): boolean {
    return this.#reading.isReading;
  }

  /** Takes one message, as it came. A binary message on JSON, or a text on msgpack, is unsupported data. */
  onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return;
    if (this.#held !== undefined) {
      if (!this.#held.tryHold(data, isBinary)) this.#tell(FEED_VERDICTS.notAuthenticated);
      return;
    }
    if (isBinary !== (this.#codec === 'msgpack')) return this.#tell(FEED_VERDICTS.wrongMessageType);
    if (!this.#mayGoOn()) return;
    try {
      const { maxFrameTicks, maxFrameDays } = this.#endpoint.options;
      const options = { nowMicros: this.#clock.now() * 1000, maxTicks: maxFrameTicks, maxDays: maxFrameDays };
      this.#handle(parseFeedRequest(data, this.#codec, checker, options));
    } catch (error) {
      this.#refuse(error);
    }
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
  }

  reply(...replies: readonly FeedReply[]): void {
    if (this.#isClosed) return;
    if (this.#socket.bufferedAmount > this.#endpoint.options.queueBytes) return this.#tell(FEED_VERDICTS.answersUnread);
    this.#socket.send(encodeReplies(replies, this.#codec));
  }

  setReading(isReading: boolean): void {
    this.#pause('window', !isReading);
  }

  /** Drains: reading stops and frames taken are answered; `committed` answers go on until the close. */
  async drain(reconnectAfterMs: number): Promise<void> {
    this.#pause('drain', true);
    this.reply({ T: 'shutdown', reconnectAfterMs });
    await this.#slot.session?.drained();
  }

  refuseLateAuth(): void {
    this.reply(errorReply(ErrorCode.authTimeout));
  }

  /** Closes the connection; `code` is one of `CloseCode`. */
  end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#socket.close(code, reason);
    this.#isClosed = true;
    // Close handshake: the peer's own close frame must be read.
    if (!this.#reading.isReading) this.#socket.resume();
    this.#leave();
  }

  #tell({ reply, close }: FeedVerdict): void {
    if (reply !== undefined) this.reply(reply);
    if (close !== undefined) this.end(close.code, close.reason);
  }

  #leave(): void {
    this.#cancelRatePause?.();
    this.#slot.leave();
  }

  #pause(reason: PauseReason, isPaused: boolean): void {
    if (!this.#isClosed) this.#reading.set(reason, isPaused);
  }

  /** Rate limit: beyond it the socket is read later. What came with one read is taken all the same, a flood is not. */
  #mayGoOn(): boolean {
    const verdict = this.#rate.take(this.#clock.now());
    if (verdict.kind === 'exceeded') {
      ingestLogger.warn({ connection: this.id, principal: this.#principal?.name }, 'rate exceeded');
      this.#tell(FEED_VERDICTS.rateExceeded);
      return false;
    }
    if (verdict.kind === 'pause') {
      this.#pause('rate', true);
      this.#cancelRatePause?.();
      this.#cancelRatePause = this.#clock.after(verdict.pauseMs, () => this.#pause('rate', false));
    }
    return true;
  }

  #handle(request: FeedRequest): void {
    if (request.action === 'auth') return this.#authenticate(request.token);
    if (this.#principal === undefined) return this.#tell(FEED_VERDICTS.notAuthenticated);
    if (request.action === 'open') return this.#open(request, this.#principal);
    if (request.action === 'publish' && request.seq === undefined) return this.#publishOneOff(request, this.#principal);
    if (!this.#hasOpened) throw new BadFrameError('open a feed first');
    // Frames in flight: between a `reopen` and the next `opened` they are dropped, since the feed sends them again.
    if (request.action === 'skip') this.#slot.session?.skip(request.to, request.next);
    else if (request.seq !== undefined) this.#slot.session?.publish(request.seq, request.prev, request.ticks);
  }

  #authenticate(token: string): void {
    if (this.#principal !== undefined) return this.#tell(FEED_VERDICTS.alreadyAuthenticated);
    const verdict = this.#endpoint.authenticate(token);
    if (!(verdict instanceof Promise)) return this.#onVerdict(verdict);
    const held = (this.#held = new HeldMessages(HELD_BEHIND_AUTH));
    this.#pause('auth', true);
    void verdict.then((late) => {
      this.#held = undefined;
      if (this.#isClosed) return;
      this.#onVerdict(late);
      this.#pause('auth', false);
      held.release((data, isBinary) => this.onMessage(data, isBinary));
    });
  }

  #onVerdict(verdict: FeedAuthentication): void {
    if (verdict === undefined) return this.#tell(FEED_VERDICTS.authFailed);
    if (verdict === 'not-now') return this.#tell(FEED_VERDICTS.authNotNow);
    this.#welcome(verdict);
    this.onAuthenticated?.();
  }

  #welcome(principal: FeedPrincipal): void {
    this.#principal = principal;
    this.reply({ T: 'success', msg: 'authenticated' });
  }

  #open(request: OpenRequest, principal: FeedPrincipal): void {
    if (!principal.mayPublish(request.feed)) return this.#tell(FEED_VERDICTS.feedForbidden);
    switch (this.#slot.open(request, principal.name)) {
      case 'too-many-opens':
        return this.#tell(FEED_VERDICTS.tooManyOpens);
      case 'too-many-feeds':
        return this.#tell(FEED_VERDICTS.tooManyFeeds);
      case 'opening':
        this.#hasOpened = true;
    }
  }

  #onOpened(feed: string, { position: accepted, committed }: OpenedFeed): void {
    const { maxFrameBytes, maxFrameTicks: maxTicks, windowFrames, windowTicks } = this.#endpoint.options;
    this.reply({ T: 'opened', feed, accepted, committed, maxFrameBytes, maxTicks, windowFrames, windowTicks });
  }

  #onRefused(feed: string, result: Exclude<FeedOpenResult, { outcome: 'opened' }>): void {
    ingestLogger.warn({ feed, connection: this.id, outcome: result.outcome }, 'open refused');
    this.#tell(refusedOpen(result));
  }

  #onSessionEnd(feed: string, end: SessionEnd): void {
    const facts = { feed, connection: this.id };
    if (end.kind === 'reopen') ingestLogger.info({ ...facts, reason: end.reason }, 'feed must open again');
    else if (end.kind === 'sequence-reuse') ingestLogger.warn(facts, 'sequence reuse');
    this.#tell(endedSession(end));
  }

  #publishOneOff(request: PublishRequest, principal: FeedPrincipal): void {
    if (this.#hasOpened) return this.#tell(FEED_VERDICTS.oneOffAfterOpen);
    if (!principal.mayPublish(INTERNAL_FEED_PREFIX)) return this.#tell(FEED_VERDICTS.oneOffForbidden);
    this.#oneOff.publish(request);
  }

  #refuse(error: unknown): void {
    const facts = { connection: this.id, principal: this.#principal?.name };
    if (error instanceof BadFrameError) ingestLogger.warn({ ...facts, reason: error.message }, 'bad request');
    else if (!(error instanceof FrameTooLargeError))
      ingestLogger.error({ ...facts, err: error }, 'a message could not be handled');
    this.#tell(refusedMessage(error));
  }
}
