import type { FeedAge } from '../../src/protocol/live-reply.ts';
import { endpointUrl } from '../endpoint-url.ts';
import type { ReconnectLimits } from '../reconnect-policy.ts';
import { EventQueue } from './event-queue.ts';
import type { LiveBar, LiveEvent, LiveFlush, LiveGap, LiveTick } from './live-events.ts';
import { type LiveClosedError, LiveLink, type LiveState } from './live-link.ts';
import { type ChannelNames, isNothing, WantedChannels } from './wanted-channels.ts';
import type { OpenWebSocket } from './web-socket-port.ts';

/** Options of a {@link LiveClient}; `url` is needed. */
export interface LiveClientOptions {
  /** `ws://host:port/v1/live`; `http://host:port` works too. */
  readonly url: string;
  /** A token, or a function that gives one: asked before each connection, and again when a token is refused. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** `latest`: behind a slow network only the newest tick of each symbol counts. Default `all`. */
  readonly mode?: 'all' | 'latest' | undefined;
  /** At most this many messages with ticks a second. Default: no limit. */
  readonly maxHz?: number | undefined;
  /** Begin with the last tick of each symbol. Default true in mode `latest`, else false. */
  readonly snapshot?: boolean | undefined;
  readonly reconnect?: ReconnectLimits | undefined;
  /** A connection silent for this time is replaced. The gateway speaks every 5 s; default 12 s. */
  readonly staleMs?: number | undefined;
  /** At most this many items wait for a reader; then it loses the oldest half. Default 100,000. */
  readonly maxQueued?: number | undefined;
  /** With each change of the connection's state. */
  readonly onState?: ((state: LiveState) => void) | undefined;
  /** Ticks that will not come; once for each gap. */
  readonly onGap?: ((gap: LiveGap) => void) | undefined;
  /** The connection was silent for `staleMs`; a new one is made. */
  readonly onStale?: (() => void) | undefined;
  /** How old each feed is, every few seconds while nothing else comes. */
  readonly onHeartbeat?: ((feeds: readonly FeedAge[]) => void) | undefined;
  /** A request was refused; the connection goes on. */
  readonly onError?: ((code: number, message: string) => void) | undefined;
}

const DEFAULT_STALE_MS = 12_000;
const DEFAULT_MAX_QUEUED = 100_000;

type Listener<T> = (item: T) => void;

/**
 * Subscriber of live ticks and bars, in Node and in browsers. After a lost connection it subscribes again and resumes,
 * so that each tick comes once; ticks that cannot be had any more are told to `onGap`.
 * @example for await (const tick of nodeLiveClient({ url }).ticks(['COMI'])) console.log(tick.price);
 */
export class LiveClient implements Disposable {
  readonly #options: LiveClientOptions;
  readonly #link: LiveLink;
  readonly #wanted = new WantedChannels();
  readonly #latest = new Map<string, LiveTick>();
  readonly #ticks = new Set<Listener<LiveTick>>();
  readonly #bars = new Set<Listener<LiveBar>>();
  readonly #flushes = new Set<Listener<LiveFlush>>();
  readonly #queues = new Set<{ end(error?: Error): void }>();
  #position: string | undefined;
  #isClosed = false;

  /** @param open how to open a WebSocket here: see node-live-client.ts and browser-live-client.ts */
  constructor(options: LiveClientOptions, open: OpenWebSocket) {
    this.#options = options;
    const { token } = options;
    this.#link = new LiveLink({
      url: endpointUrl(options.url, '/v1/live'),
      open,
      token: typeof token === 'string' ? () => token : token,
      reconnect: options.reconnect,
      staleMs: options.staleMs ?? DEFAULT_STALE_MS,
      firstRequest: () => this.#firstRequest(),
      onEvents: (events) => this.#onEvents(events),
      onState: (state) => options.onState?.(state),
      onStale: () => options.onStale?.(),
      onClosed: (error) => this.#onClosed(error),
    });
    this.#link.start();
  }

  get state(): LiveState {
    return this.#link.state;
  }

  /** The newest tick of each symbol seen so far, by the tick's own time. */
  get latest(): ReadonlyMap<string, LiveTick> {
    return this.#latest;
  }

  /**
   * Ticks of these symbols, `*` for all, as they come. Ending the loop ends the subscription.
   * @throws {LiveClosedError} in the loop, when the gateway ended it for good
   */
  ticks(symbols: readonly string[]): AsyncIterableIterator<LiveTick> {
    const isWanted = wants(symbols);
    return this.#iterate({ trades: symbols }, this.#ticks, ({ symbol }) => isWanted(symbol), true);
  }

  /** Minutes of these symbols when they are over; with `updates` also when they change afterwards. */
  bars(symbols: readonly string[], options: { readonly updates?: boolean } = {}): AsyncIterableIterator<LiveBar> {
    const isWanted = wants(symbols);
    const channels = { bars: symbols, ...(options.updates === true ? { updatedBars: symbols } : {}) };
    const fits = ({ symbol, isUpdate }: LiveBar): boolean =>
      isWanted(symbol) && (!isUpdate || options.updates === true);
    return this.#iterate(channels, this.#bars, fits, false);
  }

  /** Committed flushes of these feeds, `*` for all. */
  flushes(feeds: readonly string[]): AsyncIterableIterator<LiveFlush> {
    const isWanted = wants(feeds);
    return this.#iterate({ flushes: feeds }, this.#flushes, ({ feed }) => isWanted(feed), false);
  }

  /** Calls back for each tick of these symbols. @returns ends it */
  onTick(symbols: readonly string[], listener: (tick: LiveTick) => void): () => void {
    const isWanted = wants(symbols);
    const filtered: Listener<LiveTick> = (tick) => void (isWanted(tick.symbol) && listener(tick));
    this.#ticks.add(filtered);
    this.#subscribe({ trades: symbols });
    return () => {
      if (this.#ticks.delete(filtered)) this.#unsubscribe({ trades: symbols });
    };
  }

  close(): void {
    this.#link.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #iterate<T>(
    channels: ChannelNames,
    listeners: Set<Listener<T>>,
    fits: (item: T) => boolean,
    areTicks: boolean,
  ): AsyncIterableIterator<T> {
    const queue = new EventQueue<T>(
      this.#options.maxQueued ?? DEFAULT_MAX_QUEUED,
      (dropped) => {
        const toMicros = Date.now() * 1_000;
        if (areTicks) this.#options.onGap?.({ fromMicros: undefined, toMicros, reason: 'consumer', dropped });
      },
      () => {
        this.#queues.delete(queue);
        if (listeners.delete(listener)) this.#unsubscribe(channels);
      },
    );
    const listener: Listener<T> = (item) => void (fits(item) && queue.push(item));
    listeners.add(listener);
    this.#queues.add(queue);
    if (this.#isClosed) queue.end();
    else this.#subscribe(channels);
    return queue;
  }

  #subscribe(channels: ChannelNames): void {
    const added = this.#wanted.add(channels);
    if (isNothing(added)) return;
    this.#link.send({ action: 'subscribe', ...added, ...this.#settings(), snapshot: this.#wantsSnapshot });
  }

  #unsubscribe(channels: ChannelNames): void {
    const removed = this.#wanted.remove(channels);
    if (!isNothing(removed)) this.#link.send({ action: 'unsubscribe', ...removed });
  }

  get #wantsSnapshot(): boolean {
    return this.#options.snapshot ?? this.#options.mode === 'latest';
  }

  #settings(): object {
    const { mode, maxHz } = this.#options;
    return {
      ...(mode === undefined ? {} : { mode }),
      ...(maxHz === undefined ? {} : { maxHz }),
      positions: mode !== 'latest',
    };
  }

  #firstRequest(): object | undefined {
    const wanted = this.#wanted.all();
    if (isNothing(wanted)) return undefined;
    // Mode `latest` wants the newest ticks only, so no replay of missed ones either.
    const mayResume = this.#position !== undefined && wanted.trades !== undefined && this.#options.mode !== 'latest';
    return {
      action: 'subscribe',
      ...wanted,
      ...this.#settings(),
      snapshot: this.#wantsSnapshot,
      ...(mayResume ? { resume: this.#position } : {}),
    };
  }

  #onEvents(events: readonly LiveEvent[]): void {
    for (const event of events) {
      switch (event.kind) {
        case 'tick':
          this.#onTick(event.tick);
          break;
        case 'bar':
          for (const listener of this.#bars) listener(event.bar);
          break;
        case 'flush':
          for (const listener of this.#flushes) listener(event.flush);
          break;
        case 'position':
          this.#position = event.at;
          break;
        case 'gap':
          this.#options.onGap?.(event.gap);
          break;
        case 'heartbeat':
          this.#options.onHeartbeat?.(event.feeds);
          break;
        case 'error':
          this.#options.onError?.(event.code, event.message);
          break;
        default:
      }
    }
  }

  #onTick(tick: LiveTick): void {
    const known = this.#latest.get(tick.symbol);
    if (known === undefined || tick.timeMicros >= known.timeMicros) this.#latest.set(tick.symbol, tick);
    for (const listener of this.#ticks) listener(tick);
  }

  #onClosed(error: LiveClosedError | undefined): void {
    this.#isClosed = true;
    for (const queue of this.#queues) queue.end(error);
  }
}

function wants(names: readonly string[]): (name: string) => boolean {
  const set = new Set(names);
  return set.has('*') ? () => true : (name) => set.has(name);
}
