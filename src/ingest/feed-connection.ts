import { randomBytes } from 'node:crypto';
import { ingestLogger } from '../logger.ts';
import { BadFrameError } from '../market/bad-frame-error.ts';
import { CloseCode } from '../protocol/close-codes.ts';
import { ErrorCode } from '../protocol/error-codes.ts';
import { type FeedRequest, type OpenRequest, parseFeedRequest, type PublishRequest } from '../protocol/feed-request.ts';
import { encodeReplies, errorReply, type FeedReply } from '../protocol/reply-codec.ts';
import { FrameTooLargeError, TickChecker } from '../market/tick-check.ts';
import { type CodecName, PROTOCOL_VERSION } from '../protocol/version.ts';
import type { AppendBuffer, FeedLimits, FeedPeer, IngestObserver } from './feed-ports.ts';
import type { FeedRegistry } from './feed-registry.ts';
import { FeedSession } from './feed-session.ts';
import { REOPEN_SENTENCES } from './reopen-reason.ts';
import type { SessionEnd } from './session-rules.ts';
import { FrameRate } from './frame-rate.ts';
import { OneOffPublisher } from './one-off-publisher.ts';
import type { InternalFeed } from './internal-feed.ts';
import type { FeedOpener, FeedOpenResult } from './feed-opener.ts';
import { type PauseReason, ReadingGate } from './reading-gate.ts';
import type { TokenFeeds } from './token-feeds.ts';

/** The WebSocket as this endpoint needs it. */
export interface FeedSocket {
  readonly bufferedAmount: number;
  send(data: string | Buffer): void;
  close(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

/** Who speaks on a connection. */
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
  /** Bytes of answers that wait for a feed that does not read them, before it is cut. */
  readonly queueBytes: number;
}

/** What all connections of the endpoint share. */
export interface FeedEndpoint {
  readonly options: FeedEndpointOptions;
  readonly buffer: AppendBuffer;
  readonly opener: FeedOpener;
  readonly registry: FeedRegistry;
  /** Carries the frames of publishers that don't number. */
  readonly internalFeed: InternalFeed;
  readonly tokenFeeds: TokenFeeds;
  readonly observer: IngestObserver;
  /** Undefined where the token is not good. */
  authenticate(token: string): FeedPrincipal | undefined;
}

/** A client opens again after an answer, so more than a few at once come from none. */
const MAX_PENDING_OPENS = 8;
/** Frames without a number travel under the gateway's own feeds, whose names begin so. */
const INTERNAL_FEED_PREFIX = '~';
const checker = new TickChecker();

/** One feed's connection: authentication, one feed at a time, and the answers. */
export class FeedConnection implements FeedPeer {
  readonly id: string = randomBytes(9).toString('base64url');
  readonly #endpoint: FeedEndpoint;
  readonly #socket: FeedSocket;
  readonly #codec: CodecName;
  #principal: FeedPrincipal | undefined;
  #session: FeedSession | undefined;
  #everOpened = false;
  #opening: Promise<void> = Promise.resolve();
  #pendingOpens = 0;
  #isClosed = false;
  /** What this connection is counted under in the feeds of its token. */
  #counted: { readonly token: string; readonly feed: string } | undefined;
  readonly #reading: ReadingGate;
  readonly #rate: FrameRate;
  readonly #oneOff: OneOffPublisher;
  #rateTimer: NodeJS.Timeout | undefined;

  constructor(endpoint: FeedEndpoint, socket: FeedSocket, codec: CodecName, principal: FeedPrincipal | undefined) {
    this.#endpoint = endpoint;
    this.#socket = socket;
    this.#codec = codec;
    const { options, internalFeed, observer } = endpoint;
    this.#reading = new ReadingGate((isReading) => (isReading ? socket.resume() : socket.pause()));
    this.#rate = new FrameRate(options.rateFrames, Date.now());
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

  /** False while we don't read: liveness is not judged then. */
  get isReading(): boolean {
    return this.#reading.isReading;
  }

  /** One message, as it came. A binary message on the JSON codec, or a text on msgpack, is unsupported data. */
  onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return;
    if (isBinary !== (this.#codec === 'msgpack'))
      return this.#end(CloseCode.unsupportedData, 'wrong message type for this codec');
    if (!this.#mayGoOn()) return;
    try {
      const { maxFrameTicks, maxFrameDays } = this.#endpoint.options;
      const options = { nowMicros: Date.now() * 1000, maxTicks: maxFrameTicks, maxDays: maxFrameDays };
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
    if (this.#socket.bufferedAmount > this.#endpoint.options.queueBytes)
      return this.#end(CloseCode.slow, 'answers are not read');
    this.#socket.send(encodeReplies(replies, this.#codec));
  }

  setReading(isReading: boolean): void {
    this.#pause('window', !isReading);
  }

  /** The gateway drains: reading stops, what was taken is answered, committed answers go on until the close. */
  async drain(reconnectAfterMs: number): Promise<void> {
    this.#pause('drain', true);
    this.reply({ T: 'shutdown', reconnectAfterMs });
    await this.#session?.drained();
  }

  refuseLateAuth(): void {
    this.reply(errorReply(ErrorCode.authTimeout));
  }

  /** Ends the connection with a verdict. */
  end(code: number, reason: string): void {
    this.#end(code, reason);
  }

  #pause(reason: PauseReason, isPaused: boolean): void {
    if (!this.#isClosed) this.#reading.set(reason, isPaused);
  }

  /** Too many frames a second: read later. What came with one read is taken, a flood is not. */
  #mayGoOn(): boolean {
    const verdict = this.#rate.take(Date.now());
    if (verdict.kind === 'exceeded') {
      ingestLogger.warn({ connection: this.id, principal: this.#principal?.name }, 'rate exceeded');
      this.reply(errorReply(ErrorCode.rateExceeded));
      this.#end(CloseCode.rate, 'rate exceeded');
      return false;
    }
    if (verdict.kind === 'pause') {
      this.#pause('rate', true);
      clearTimeout(this.#rateTimer);
      this.#rateTimer = setTimeout(() => this.#pause('rate', false), verdict.pauseMs);
    }
    return true;
  }

  #handle(request: FeedRequest): void {
    if (request.action === 'auth') return this.#authenticate(request.token);
    if (this.#principal === undefined) {
      this.reply(errorReply(ErrorCode.notAuthenticated));
      return this.#end(CloseCode.authFailed, 'not authenticated');
    }
    if (request.action === 'open') return this.#open(request, this.#principal);
    if (request.action === 'publish' && request.seq === undefined) return this.#publishOneOff(request, this.#principal);
    if (!this.#everOpened) throw new BadFrameError('open a feed first');
    // Between the loss of a place and the next `opened` there may be frames on the way: nobody counts on them.
    if (request.action === 'skip') this.#session?.skip(request.to, request.next);
    else if (request.seq !== undefined) this.#session?.publish(request.seq, request.prev, request.ticks);
  }

  #authenticate(token: string): void {
    if (this.#principal !== undefined) return this.reply(errorReply(ErrorCode.alreadyAuthenticated));
    const principal = this.#endpoint.authenticate(token);
    if (principal !== undefined) return this.#welcome(principal);
    this.reply(errorReply(ErrorCode.authFailed));
    this.#end(CloseCode.authFailed, 'auth failed');
  }

  #welcome(principal: FeedPrincipal): void {
    this.#principal = principal;
    this.reply({ T: 'success', msg: 'authenticated' });
  }

  #open(request: OpenRequest, principal: FeedPrincipal): void {
    if (!principal.mayPublish(request.feed)) return this.#refusePermission('this token may not publish that feed');
    if (this.#pendingOpens >= MAX_PENDING_OPENS) {
      this.reply(errorReply(ErrorCode.rateExceeded, 'too many opens at once'));
      return this.#end(CloseCode.rate, 'too many opens');
    }
    this.#dropSession();
    if (!this.#countFeed(principal.name, request.feed)) {
      this.reply(errorReply(ErrorCode.connectionLimitExceeded, 'this token has too many feeds open'));
      return this.#end(CloseCode.connectionLimit, 'too many feeds');
    }
    this.#everOpened = true;
    this.#pendingOpens += 1;
    this.#opening = this.#opening.then(async () => {
      this.#pendingOpens -= 1;
      await this.#openNow(request);
    });
  }

  #countFeed(token: string, feed: string): boolean {
    this.#uncountFeed();
    if (!this.#endpoint.tokenFeeds.take(token, feed)) return false;
    this.#counted = { token, feed };
    return true;
  }

  #uncountFeed(): void {
    if (this.#counted !== undefined) this.#endpoint.tokenFeeds.leave(this.#counted.token, this.#counted.feed);
    this.#counted = undefined;
  }

  #refusePermission(why: string): void {
    this.reply(errorReply(ErrorCode.insufficientPermission, why));
    this.#end(CloseCode.permission, 'insufficient permission');
  }

  async #openNow(request: OpenRequest): Promise<void> {
    if (this.#isClosed) return;
    const session = randomBytes(12).toString('base64url');
    const instance = request.instance ?? `${this.id}-${session}`;
    const claim = { session, instance, attempt: request.attempt, have: request.have };
    const state = await this.#endpoint.opener.open(request.feed, claim);
    if (this.#isClosed) {
      if (state.outcome === 'opened') await this.#endpoint.buffer.release(request.feed, session).catch(() => undefined);
      return;
    }
    if (state.outcome !== 'opened') return this.#refuseOpen(request.feed, state);
    const { options, buffer, observer, registry } = this.#endpoint;
    this.#session = new FeedSession({
      feed: request.feed,
      session,
      instance,
      live: request.live,
      generation: state.generation,
      accepted: state.position,
      committed: state.committed,
      limits: options,
      buffer,
      observer,
      peer: this,
      onEnd: (end) => this.#onSessionEnd(end),
    });
    registry.add(this.#session);
    const { maxFrameBytes, maxFrameTicks, windowFrames, windowTicks } = options;
    const { position: accepted, committed } = state;
    this.reply({
      T: 'opened',
      feed: request.feed,
      accepted,
      committed,
      maxFrameBytes,
      maxTicks: maxFrameTicks,
      windowFrames,
      windowTicks,
    });
  }

  #refuseOpen(feed: string, state: Exclude<FeedOpenResult, { outcome: 'opened' }>): void {
    ingestLogger.warn({ feed, connection: this.id, outcome: state.outcome }, 'open refused');
    switch (state.outcome) {
      case 'taken':
        this.reply(errorReply(ErrorCode.feedTakenOver, 'another program publishes under this name'));
        return this.#end(CloseCode.takenOver, 'feed taken over');
      case 'late':
        this.reply(errorReply(ErrorCode.feedTakenOver, 'a newer open of this instance has been answered'));
        return this.#end(CloseCode.sessionLost, 'a newer open came first');
      case 'spaced':
        this.reply(errorReply(ErrorCode.rateExceeded, 'the feed was taken over a moment ago'));
        return this.#end(CloseCode.rate, 'take-overs too close together');
      case 'not-now':
        return this.reply(errorReply(ErrorCode.notNow, state.why));
    }
  }

  #onSessionEnd(end: SessionEnd): void {
    const { feed } = this.#session ?? {};
    this.#forgetSession();
    switch (end.kind) {
      case 'reopen':
        ingestLogger.info({ feed, connection: this.id, reason: end.reason }, 'feed state lost');
        return this.reply({ T: 'reopen', reason: REOPEN_SENTENCES[end.reason] });
      case 'superseded':
        return this.#end(CloseCode.sessionLost, 'another connection speaks for the feed');
      case 'sequence-reuse':
        ingestLogger.warn({ feed, connection: this.id }, 'sequence reuse');
        this.reply(errorReply(ErrorCode.sequenceReuse, 'these sequence numbers have been used'));
        return this.#end(CloseCode.sequenceReuse, 'sequence reuse');
      case 'overrun':
        this.reply(errorReply(ErrorCode.windowExceeded));
        return this.#end(CloseCode.rate, 'window exceeded');
    }
  }

  #publishOneOff(request: PublishRequest, principal: FeedPrincipal): void {
    if (this.#everOpened) {
      this.reply(errorReply(ErrorCode.invalidAction, 'a connection that has opened a feed publishes numbered frames'));
      return;
    }
    if (!principal.mayPublish(INTERNAL_FEED_PREFIX))
      return this.#refusePermission('this token may not publish unnumbered frames');
    this.#oneOff.publish(request);
  }

  /** Whatever a client can send ends here; a fault of ours must not end the process either. */
  #refuse(error: unknown): void {
    if (error instanceof FrameTooLargeError) {
      this.reply(errorReply(ErrorCode.frameTooLarge, error.message));
      return this.#end(CloseCode.badRequest, 'frame too large');
    }
    if (error instanceof BadFrameError) {
      ingestLogger.warn(
        { connection: this.id, principal: this.#principal?.name, reason: error.message },
        'bad request',
      );
      this.reply(errorReply(ErrorCode.invalidSyntax, error.message));
      return this.#end(CloseCode.badRequest, 'bad request');
    }
    ingestLogger.error({ connection: this.id, err: error }, 'a message could not be handled');
    this.reply(errorReply(ErrorCode.internal));
    this.#end(CloseCode.internalError, 'internal error');
  }

  #dropSession(): void {
    const session = this.#session;
    this.#forgetSession();
    if (session === undefined) return;
    // The next open waits until what is under way is answered and the session is left.
    const closing = session.close();
    this.#opening = this.#opening.then(() => closing);
  }

  #forgetSession(): void {
    if (this.#session !== undefined) this.#endpoint.registry.remove(this.#session);
    this.#session = undefined;
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#socket.close(code, reason);
    this.#isClosed = true;
    // The peer's own close must be read.
    if (!this.#reading.isReading) this.#socket.resume();
    this.#leave();
  }

  #leave(): void {
    clearTimeout(this.#rateTimer);
    this.#uncountFeed();
    this.#dropSession();
  }
}
