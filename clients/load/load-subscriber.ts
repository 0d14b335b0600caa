import { pack } from 'msgpackr';
import type { CodecName } from '../../src/protocol/version.ts';
import { SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../../src/protocol/version.ts';
import { endpointUrl } from '../endpoint-url.ts';
import type { Latency } from './latency.ts';
import { type ScanSink, scanLive } from './live-scan.ts';
import type { LoadClock } from './load-clock.ts';
import { LoadSocket } from './load-socket.ts';
import { loadFingerprint, loadPriceOf, loadSymbol, loadSymbolOf } from './load-ticks.ts';
import type { TickChecksum } from './sent-tally.ts';

export interface SubscriberOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly codec: CodecName;
  readonly mode: 'all' | 'latest';
  /** Numbers of the symbols to name; undefined: all, as `*`. */
  readonly symbols: readonly number[] | undefined;
  /** All symbols of the test. */
  readonly symbolCount: number;
  /** Ticks that were due before are counted and not timed. */
  readonly isTimed: (timeMicros: number) => boolean;
  readonly latency: Latency;
  readonly clock: LoadClock;
}

const SUBSCRIBE_LIMIT_MS = 20_000;

/**
 * One dashboard of a load test: a bare WebSocket that counts its ticks. Of each tick it checks that symbol, price
 * and number belong together; of all of them, by a fingerprint, that they are those that were sent.
 */
export class LoadSubscriber implements ScanSink {
  readonly symbols: readonly number[] | undefined;
  // Fields, not the options: they are read for every message, and options come in shapes of their own.
  readonly #codec: CodecName;
  readonly #mode: 'all' | 'latest';
  readonly #isTimed: (timeMicros: number) => boolean;
  readonly #latency: Latency;
  readonly #clock: LoadClock;
  readonly #socket: LoadSocket;
  /** Number of the last tick of each symbol. */
  readonly #lastTick: Float64Array;
  #count = 0;
  #fingerprint = 0;
  #bytes = 0;
  #messages = 0;
  #dropped = 0;
  #gaps = 0;
  #wrong = 0;
  #disorder = 0;
  #failure: string | undefined;
  #isReady: (() => void) | undefined;
  /** Ticks of one time that came together: they are timed at once. */
  #runTimeMicros = 0;
  #runTicks = 0;

  constructor(options: SubscriberOptions) {
    this.symbols = options.symbols;
    this.#codec = options.codec;
    this.#mode = options.mode;
    this.#isTimed = options.isTimed;
    this.#latency = options.latency;
    this.#clock = options.clock;
    this.#lastTick = new Float64Array(options.symbolCount).fill(-1);
    const protocol = options.codec === 'msgpack' ? SUBPROTOCOL_MSGPACK : SUBPROTOCOL_JSON;
    this.#socket = new LoadSocket({
      url: endpointUrl(new URL('/', options.url).href, '/v1/live'),
      protocol,
      token: options.token,
      onMessage: (bytes) => this.#onMessage(bytes),
      onEnd: (cause) => {
        this.#failure ??= cause;
        this.#isReady?.();
      },
    });
  }

  get tally(): TickChecksum {
    return { count: this.#count, fingerprint: this.#fingerprint };
  }

  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Ticks that the gateway said this subscriber did not get. */
  get dropped(): number {
    return this.#dropped;
  }

  get gaps(): number {
    return this.#gaps;
  }

  /** Ticks whose fields do not belong together. */
  get wrong(): number {
    return this.#wrong;
  }

  /** Ticks that came behind a later one of the same symbol. Only with one feed they must not. */
  get disorder(): number {
    return this.#disorder;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  lastTickOf(symbol: number): number {
    return this.#lastTick[symbol] ?? -1;
  }

  /** Resolves when the gateway has confirmed the subscription. @throws {Error} when it does not */
  async subscribed(): Promise<void> {
    const timer = setTimeout(() => {
      this.#failure ??= `no subscription after ${SUBSCRIBE_LIMIT_MS / 1_000} s`;
      this.#isReady?.();
    }, SUBSCRIBE_LIMIT_MS);
    if (this.#failure === undefined) await new Promise<void>((resolve) => (this.#isReady = resolve));
    clearTimeout(timer);
    if (this.#failure !== undefined) throw new Error(`a subscriber could not subscribe: ${this.#failure}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  tick(symbol: number, tick: number, timeMicros: number, price: number): void {
    this.#count += 1;
    this.#fingerprint = (this.#fingerprint + loadFingerprint(tick)) | 0;
    if (symbol !== loadSymbolOf(tick, this.#lastTick.length) || price !== loadPriceOf(tick)) this.#wrong += 1;
    const last = this.#lastTick[symbol] ?? -1;
    if (tick <= last) this.#disorder += 1;
    else this.#lastTick[symbol] = tick;
    if (timeMicros !== this.#runTimeMicros) this.#endRun();
    this.#runTimeMicros = timeMicros;
    this.#runTicks += 1;
  }

  gap(dropped: number): void {
    this.#gaps += 1;
    this.#dropped += dropped;
  }

  other(message: Readonly<Record<string, unknown>>): void {
    // The token came with the upgrade, so the first message is the time to subscribe.
    if (message['T'] === 'success' && message['msg'] === 'connected') this.#subscribe();
    else if (message['T'] === 'subscription') this.#isReady?.();
    else if (message['T'] === 'error') {
      this.#failure ??= `${String(message['code'])} ${String(message['msg'])}`;
      this.#isReady?.();
    }
  }

  #onMessage(data: Buffer): void {
    this.#messages += 1;
    this.#bytes += data.length;
    try {
      scanLive(data, this.#codec, this);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error.message : String(error);
    }
    this.#endRun();
  }

  #endRun(): void {
    if (this.#runTicks > 0 && this.#isTimed(this.#runTimeMicros)) {
      const readAtMs = this.#clock.nowMs() + this.#clock.originMs;
      this.#latency.record(readAtMs - this.#runTimeMicros / 1_000, this.#runTicks);
    }
    this.#runTicks = 0;
  }

  #subscribe(): void {
    const trades = this.symbols === undefined ? ['*'] : this.symbols.map((symbol) => loadSymbol(symbol));
    const request = { action: 'subscribe', trades, mode: this.#mode };
    this.#socket.send(this.#codec === 'msgpack' ? pack(request) : JSON.stringify(request));
  }
}
