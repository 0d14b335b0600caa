import { setTimeout as sleep } from 'node:timers/promises';
import { FeedClient, type FeedClientOptions } from '../../clients/feed/feed-client.ts';
import { FeedRefusedError } from '../../clients/feed/feed-errors.ts';
import type { SimulatedTick } from '../../clients/simulator/generate-ticks.ts';
import { paceTicks, type TickStamp, wallMicros } from '../../clients/simulator/pace-ticks.ts';
import { withDeadline } from '../base/deadline.ts';
import { StoreUnavailableError, UsageError } from '../errors.ts';
import { TickTally } from './tick-tally.ts';

export interface MarketFeedOptions extends Pick<
  FeedClientOptions,
  'url' | 'feed' | 'token' | 'live' | 'journal' | 'onState'
> {
  readonly ticks: Iterable<SimulatedTick>;
  readonly speed: number | 'max';
  readonly stamp: TickStamp;
}

/** Batching: ticks that become due within this time share a frame. */
const GATHER_MS = 5;
const DRAIN_LIMIT_MS = 10_000;

/** Publishes a simulated market through `/v1/feed`, and counts the ticks acknowledged and committed. */
export class MarketFeed implements AsyncDisposable {
  readonly tally: TickTally = new TickTally();
  readonly #options: MarketFeedOptions;
  readonly #client: FeedClient;
  #rejected = 0;

  constructor(options: MarketFeedOptions) {
    const { ticks: _ticks, speed: _speed, stamp: _stamp, ...client } = options;
    this.#options = options;
    this.#client = new FeedClient({
      ...client,
      onAck: (seq) => this.tally.ackedUpTo(seq),
      onCommitted: (seq) => this.tally.committedUpTo(seq),
      onRejected: (_seq, rejected) => (this.#rejected += rejected.length),
    });
  }

  get rejected(): number {
    return this.#rejected;
  }

  /** Seq of the newest frame. */
  get lastSeq(): number {
    return this.#client.lastSeq;
  }

  /** Waits until the gateway has opened the feed. @returns false when `signal` came first */
  async opened(signal: AbortSignal): Promise<boolean> {
    return this.#unlessAborted(this.#client.opened(), signal);
  }

  /** Publishes until the market closes, or `signal`. @throws {UsageError} when the gateway refuses the feed */
  async publish(signal: AbortSignal): Promise<void> {
    const { ticks, speed, stamp } = this.#options;
    const clock = {
      nowMicros: wallMicros,
      sleep: (ms: number) => sleep(ms > 0 ? Math.max(ms, GATHER_MS) : 0, undefined, { signal }).catch(() => undefined),
    };
    for await (const batch of paceTicks(ticks, { speed, stamp, signal, ...clock })) {
      const frame = batch.map(([symbol, price, volume, timeMicros]) => ({ symbol, price, volume, timeMicros }));
      const added = this.#client.publishFrame(frame).then(({ seq }) => this.tally.add(seq, frame.length));
      if (!(await this.#unlessAborted(added, signal))) return;
    }
  }

  /**
   * Waits until everything published is committed.
   * @throws {StoreUnavailableError} when that takes too long
   */
  async drained(limitMs: number = DRAIN_LIMIT_MS): Promise<void> {
    const drained = this.#explained(this.#client.drained()).then(() => true);
    if ((await withDeadline(drained, limitMs)) !== undefined) return;
    const { published, committed } = this.tally;
    throw new StoreUnavailableError(`${published - committed} of ${published} ticks are not committed`, {
      remedy: 'see what /readyz of the gateway says is missing, or run `tickgate doctor`',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close({ wait: false });
  }

  async #unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    let stop = (): void => undefined;
    const aborted = new Promise<void>((resolve) => (stop = resolve));
    signal.addEventListener('abort', stop);
    const done = this.#explained(work).then(() => true);
    try {
      return await Promise.race([done, aborted.then(() => false)]);
    } finally {
      signal.removeEventListener('abort', stop);
      done.catch(() => undefined);
    }
  }

  async #explained<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      if (!(cause instanceof FeedRefusedError)) throw cause;
      throw new UsageError(`the gateway refused feed ${this.#options.feed}: ${cause.message}`, {
        remedy:
          'set TICKGATE_TOKEN to a token for this feed (tickgate token makes one), or choose another --feed: ' +
          'one program speaks under one name',
        cause,
      });
    }
  }
}
