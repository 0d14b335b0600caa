import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { HeldMessages } from '../base/held-messages.ts';
import { randomId } from '../base/random-id.ts';
import { fanoutLogger } from '../logger.ts';
import { BadFrameError } from '../market/bad-frame-error.ts';
import { isEmptyFilter, NO_SYMBOLS, passesFilter, type SymbolFilter } from '../market/symbol-filter.ts';
import { CloseCode } from '../protocol/close-codes.ts';
import { ErrorCode } from '../protocol/error-codes.ts';
import { type GapReason, liveError, type LiveReply, replyFrame, wireTime } from '../protocol/live-reply.ts';
import {
  type LiveMode,
  type LiveRequest,
  parseLiveRequest,
  RequestRefusal,
  type SubscribeOptions,
} from '../protocol/live-request.ts';
import { type CodecName, PROTOCOL_VERSION } from '../protocol/version.ts';
import type { FlushNotice } from '../stream/flush-notice.ts';
import { LiveOutbox } from './delivery/live-outbox.ts';
import type { LiveSocket } from './fanout-ports.ts';
import type { LiveAuthentication, LiveEndpoint, LivePrincipal } from './live-endpoint.ts';
import type { LiveSubscriber } from './live-subscriber.ts';
import { RequestIntake } from './request-intake.ts';
import { Subscriptions } from './subscriptions.ts';

/** Bounds of what a client sends behind an `auth` that is being verified. */
const HELD_BEHIND_AUTH = { maxMessages: 32, maxBytes: 64 * 1024 };
/** Close timeout: a peer that does not read its close is cut after this time. */
const CUT_AFTER_MS = 2_000;

/** Connection of one dashboard: authenticates it, keeps its subscriptions and answers it; ticks come by the hub. */
export class LiveConnection implements LiveSubscriber {
  readonly id: string = randomId(9);
  readonly codec: CodecName;
  readonly outbox: LiveOutbox;
  readonly #endpoint: LiveEndpoint;
  readonly #socket: LiveSocket;
  readonly #clock: Clock;
  readonly #intake: RequestIntake;
  /** Told of an authentication by message, once. */
  onAuthenticated: (() => void) | undefined;
  #principal: LivePrincipal | undefined;
  /** Requests behind an `auth` that is being verified. */
  #held: HeldMessages | undefined;
  #hasSentToken = false;
  #subscriptions: Subscriptions | undefined;
  #mode: LiveMode = 'all';
  #maxHz = 0;
  #withPositions = false;
  #following: 'no' | 'catching-up' | 'live' = 'no';
  #trades: SymbolFilter = NO_SYMBOLS;
  #bars: SymbolFilter = NO_SYMBOLS;
  #updatedBars: SymbolFilter = NO_SYMBOLS;
  #barKey = '';
  #isResuming = false;
  /** Symbols whose last ticks are asked for and wait until last prices are known. */
  #awaited: Set<string> | undefined;
  #isClosed = false;
  #cancelCut: (() => void) | undefined;

  constructor(endpoint: LiveEndpoint, socket: LiveSocket, codec: CodecName, principal: LivePrincipal | undefined) {
    this.#endpoint = endpoint;
    this.#clock = endpoint.clock ?? SYSTEM_CLOCK;
    this.#socket = socket;
    this.#intake = new RequestIntake(socket, endpoint.hub.work, this);
    this.codec = codec;
    const { queueBytes, slowMs } = endpoint.options;
    this.outbox = new LiveOutbox({
      socket,
      codec,
      queueBytes,
      slowMs,
      counts: endpoint.hub.counts,
      onDropped: ({ fromMs, toMs, count }) => this.sendGap('slow', fromMs, toMs, count),
      onSlow: () => this.cutSlow(),
    });
    endpoint.hub.add(this);
    this.#reply({ T: 'success', msg: 'connected', v: PROTOCOL_VERSION, id: this.id });
    if (principal === undefined) return;
    // The SDKs expect "authenticated" as the answer to their `auth`, so an open gateway does not say it before.
    this.#admit(principal, !endpoint.isOpen);
  }

  get isAuthenticated(): boolean {
    return this.#principal !== undefined;
  }

  get principal(): LivePrincipal | undefined {
    return this.#principal;
  }

  /** False while its requests wait for their turn: pongs are not read then either. */
  get isReading(): boolean {
    return this.#intake.isReading;
  }

  get owner(): string {
    return this.#principal?.name ?? '';
  }

  get maySeeFeeds(): boolean {
    return this.#subscriptions?.maySeeFeeds === true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isFollowing(): boolean {
    return this.#following === 'live' && !isEmptyFilter(this.#trades);
  }

  get isCatchingUp(): boolean {
    return this.#following === 'catching-up';
  }

  get deliveryProfile(): LiveSubscriber['deliveryProfile'] {
    return { codec: this.codec, withPositions: this.#withPositions, filter: this.#trades };
  }

  get bars(): SymbolFilter {
    return this.#bars;
  }

  get updatedBars(): SymbolFilter {
    return this.#updatedBars;
  }

  get barKey(): string {
    return this.#barKey;
  }

  /** One message, as it came. A binary message on the JSON codec, or a text on msgpack, is unsupported data. */
  onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return;
    if (isBinary !== (this.codec === 'msgpack')) {
      return this.end(CloseCode.unsupportedData, 'wrong message type for this codec');
    }
    if (!this.#intake.take(this.owner, data, (request) => this.#onTurn(request))) this.#endAsTooFast();
  }

  onClose(): void {
    this.#forget();
    this.#cancelCut?.();
  }

  sendControl(frame: Buffer): void {
    if (this.#isClosed || !this.isAuthenticated) return;
    if (!this.outbox.sendControl(frame, this.#clock.now())) this.cutSlow();
  }

  sendFlush({ feeds, rows, flushMs }: FlushNotice): void {
    const subscriptions = this.#subscriptions;
    if (subscriptions?.wantsFlushes !== true) return;
    const wanted = feeds.filter(({ feed }) => subscriptions.wantsFlush(feed));
    if (wanted.length > 0) {
      this.#reply(...wanted.map(({ feed, seq }) => ({ T: 'flush', feed, seq, rows, ms: flushMs }) as const));
    }
  }

  sendGap(reason: GapReason, fromMs: number | undefined, toMs: number, dropped?: number): void {
    this.#endpoint.observer.onGap?.(reason);
    this.#reply({
      T: 'gap',
      ...(fromMs === undefined ? {} : { from: wireTime(fromMs, this.codec) }),
      to: wireTime(toMs, this.codec),
      reason,
      ...(dropped === undefined ? {} : { dropped }),
    });
  }

  sendPosition(): void {
    if (!this.#withPositions || this.#following !== 'live' || this.outbox.isHolding) return;
    const at = this.#endpoint.hub.position(this);
    if (at !== undefined && !this.outbox.isHolding) this.#reply({ T: 'pos', at });
  }

  cutSlow(): void {
    if (this.#isClosed) return;
    fanoutLogger.info({ connection: this.id, principal: this.#principal?.name }, 'slow client closed');
    this.#socket.sendFrame(replyFrame(this.codec, [liveError(ErrorCode.slowClient)]));
    this.end(CloseCode.slow, 'slow client');
  }

  /** The gateway drains: the client is told when to come back; ticks go on until the close. */
  drain(reconnectAfterMs: number): Promise<void> {
    this.#reply({ T: 'shutdown', reconnectAfterMs });
    this.sendPosition();
    return Promise.resolve();
  }

  refuseLateAuth(): void {
    this.#reply(liveError(ErrorCode.authTimeout));
  }

  /** Closes the connection; the code carries the verdict. */
  end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#forget();
    this.#socket.close(code, reason);
    // A peer that doesn't read doesn't answer a close either, and its bytes wait here until then.
    this.#cancelCut = this.#clock.after(CUT_AFTER_MS, () => this.#socket.terminate());
  }

  /** Parsing is part of the work: a message may be long. */
  #onTurn(data: Buffer): void {
    if (this.#isClosed) return;
    if (this.#held !== undefined) {
      if (!this.#held.tryHold(data, this.codec === 'msgpack')) this.#endAsTooFast();
      return;
    }
    try {
      this.#handle(parseLiveRequest(data, this.codec));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #endAsTooFast(): void {
    this.#reply(liveError(ErrorCode.rateExceeded));
    this.end(CloseCode.rate, 'too many requests');
  }

  #handle(request: LiveRequest): void {
    if (request.action === 'auth') return this.#authenticate(request.token);
    const subscriptions = this.#subscriptions;
    if (subscriptions === undefined) {
      this.#reply(liveError(ErrorCode.notAuthenticated));
      return this.end(CloseCode.authFailed, 'not authenticated');
    }
    if (request.action === 'unsubscribe') {
      const changed = subscriptions.remove(request.lists);
      return this.#change(changed, changed.length > 0, () => this.#apply(subscriptions, request.otherChannels));
    }
    this.#subscribe(subscriptions, request);
  }

  #authenticate(token: string): void {
    if (this.#hasSentToken) return this.#reply(liveError(ErrorCode.alreadyAuthenticated));
    const verdict = this.#endpoint.authenticate(token);
    if (!(verdict instanceof Promise)) return this.#onVerdict(verdict);
    const held = (this.#held = new HeldMessages(HELD_BEHIND_AUTH));
    void verdict.then((late) => {
      this.#held = undefined;
      if (this.#isClosed) return;
      this.#onVerdict(late);
      held.release((data) => this.#onTurn(data));
    });
  }

  #onVerdict(verdict: LiveAuthentication): void {
    if (verdict === 'not-now') return this.end(CloseCode.tryAgainLater, 'tokens cannot be checked now');
    if (verdict === undefined) {
      this.#reply(liveError(ErrorCode.authFailed));
      return this.end(CloseCode.authFailed, 'auth failed');
    }
    this.#hasSentToken = true;
    if (this.#principal !== undefined) return this.#reply({ T: 'success', msg: 'authenticated' });
    this.#admit(verdict, true);
    this.onAuthenticated?.();
  }

  #admit(principal: LivePrincipal, isTold: boolean): void {
    if (!principal.mayWatch()) {
      this.#reply(liveError(ErrorCode.insufficientPermission, 'this token may not watch'));
      return this.end(CloseCode.permission, 'insufficient permission');
    }
    this.#principal = principal;
    this.#subscriptions = new Subscriptions(this.#endpoint.options, principal.symbols);
    if (isTold) this.#reply({ T: 'success', msg: 'authenticated' });
  }

  #subscribe(subscriptions: Subscriptions, request: Extract<LiveRequest, { action: 'subscribe' }>): void {
    const { lists, options } = request;
    const { resume } = options;
    if (resume !== undefined && (this.#following !== 'no' || lists.trades.length === 0)) {
      throw new RequestRefusal(ErrorCode.invalidSyntax, 'resume goes with the first subscription to trades');
    }
    if (resume !== undefined && !this.#intake.takeResume()) return this.#endAsTooFast();
    const changed = subscriptions.add(lists);
    const { hub } = this.#endpoint;
    const named = options.snapshot && lists.trades.length > 0 ? lists.trades : undefined;
    const mustWait = resume !== undefined || (named !== undefined && !hub.isReady);
    const isOther = changed.length > 0 || mustWait || hasPaceOrPositions(options);
    this.#change(changed, isOther, () => {
      this.#mode = options.mode ?? this.#mode;
      this.#maxHz = options.maxHz ?? this.#maxHz;
      this.#withPositions = options.positions ?? this.#withPositions;
      this.outbox.configure(this.#mode, this.#maxHz, this.#clock.now());
      if (mustWait && this.#following === 'no') this.#following = 'catching-up';
      this.#apply(subscriptions, request.otherChannels);
    });
    if (resume === undefined) return void (named !== undefined && this.#snapshotWhenReady(named));
    this.#isResuming = true;
    hub.resume(this, resume, (isComplete) => {
      this.#isResuming = false;
      if (isComplete || named === undefined) this.#joinLive();
      else this.#snapshotWhenReady(named);
    });
  }

  /** Takes the subscriptions into force and acknowledges their full state. */
  #apply(subscriptions: Subscriptions, otherChannels: readonly string[]): void {
    this.#trades = subscriptions.filter('trades');
    this.#bars = subscriptions.filter('bars');
    this.#updatedBars = subscriptions.filter('updatedBars');
    const hasBars = !isEmptyFilter(this.#bars) || !isEmptyFilter(this.#updatedBars);
    this.#barKey = hasBars ? `${this.#bars.key} ${this.#updatedBars.key}` : '';
    this.#reply({ T: 'subscription', ...subscriptions.state(otherChannels) });
  }

  /** @param isOther whether ticks it gets may be others than before; where not, no group is touched */
  #change(changed: readonly string[], isOther: boolean, change: () => void): void {
    if (isOther) this.#reconfigure(change, changed);
    else change();
  }

  /** Every change of the ticks it gets goes through the hub, which delivers pending ones as before. */
  #reconfigure(change: () => void, changed: readonly string[] = []): void {
    const wasLive = this.#following === 'live';
    this.#endpoint.hub.reconfigure(
      this,
      () => {
        change();
        if (this.#following !== 'catching-up') this.#following = isEmptyFilter(this.#trades) ? 'no' : 'live';
      },
      changed,
    );
    if (!wasLive) this.sendPosition();
  }

  /** Catching up is over. */
  #joinLive(): void {
    this.#reconfigure(() => (this.#following = 'no'));
  }

  /** Symbols asked for while prices are not known come in one snapshot. */
  #snapshotWhenReady(named: readonly string[]): void {
    const awaited = new Set(this.#awaited);
    for (const symbol of named) awaited.add(symbol);
    this.#awaited = awaited;
    this.#endpoint.hub.whenReady(this, () => {
      this.#awaited = undefined;
      this.#sendSnapshot(awaited);
    });
  }

  /** The last ticks of the named symbols; live ones follow. */
  #sendSnapshot(named: ReadonlySet<string>): void {
    if (this.#isClosed) return;
    const filter = this.#trades;
    const wanted = named.has('*') ? filter : { isAll: false, names: namedIn(filter, named) };
    for (const frame of this.#endpoint.hub.snapshot(this, wanted)) this.sendControl(frame);
    if (this.#following === 'catching-up' && !this.#isResuming) this.#joinLive();
  }

  #refuse(error: unknown): void {
    if (error instanceof RequestRefusal) return this.#reply(liveError(error.code, error.message));
    if (error instanceof BadFrameError) {
      const { name } = this.#principal ?? {};
      fanoutLogger.warn({ connection: this.id, principal: name, reason: error.message }, 'bad request');
      this.#reply(liveError(ErrorCode.invalidSyntax, error.message));
      return this.end(CloseCode.badRequest, 'bad request');
    }
    fanoutLogger.error({ connection: this.id, err: error }, 'a message could not be handled');
    this.#reply(liveError(ErrorCode.internal));
    this.end(CloseCode.internalError, 'internal error');
  }

  #reply(...replies: readonly LiveReply[]): void {
    if (this.#isClosed) return;
    if (!this.outbox.sendControl(replyFrame(this.codec, replies), this.#clock.now())) this.cutSlow();
  }

  #forget(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#intake.end();
    this.#endpoint.hub.remove(this);
  }
}

function hasPaceOrPositions({ mode, maxHz, positions }: SubscribeOptions): boolean {
  return mode !== undefined || maxHz !== undefined || positions !== undefined;
}

/** Names that the filter lets pass. */
function namedIn(filter: SymbolFilter, names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...names].filter((name) => passesFilter(filter, name)));
}
