import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { describeError } from '../errors.ts';
import { fanoutLogger } from '../logger.ts';
import { LastPrices } from '../market/last-prices.ts';
import type { MinuteBar } from '../market/minute-bar.ts';
import type { SymbolFilter } from '../market/symbol-filter.ts';
import type { SymbolTable } from '../market/symbol-table.ts';
import { TickColumns } from '../market/tick-columns.ts';
import type { CodecName } from '../protocol/version.ts';
import { appendEntryTicks } from '../stream/entry-ticks.ts';
import type { StreamEntry } from '../stream/stream-entry.ts';
import type { LivePrices } from './fanout-ports.ts';
import { FragmentBuffer } from './frames/fragment-buffer.ts';

const MAX_SNAPSHOT_TICKS = 512;
/** Load timeout: with the database away, snapshots wait at most so long, then hold the prices of the stream. */
const LOAD_WAIT_MS = 3_000;
const RETRY_MS = 2_000;
/** Refresh interval, longer than the store usually takes to answer: during a backfill every flush has news. */
const REFRESH_MS = 1_000;

/**
 * Last-price board for snapshots: loaded from the store, updated by every live tick, and refreshed from the store for
 * symbols that a backfill changed, since backfills are stored without being delivered live.
 */
export class LastPriceBoard implements Disposable {
  readonly #store: LivePrices;
  readonly #prices: LastPrices;
  readonly #scratch: TickColumns;
  readonly #onLoaded: () => void;
  readonly #clock: Clock;
  /** Symbols whose stored price is newer than the one known here. */
  readonly #outdated = new Set<string>();
  #isLoaded = false;
  #isDisposed = false;
  #refreshedMs = 0;
  #cancelRetry: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;

  /** @param onLoaded called once: prices are loaded, or the load timeout has passed */
  constructor(store: LivePrices, symbols: SymbolTable, onLoaded: () => void, clock: Clock = SYSTEM_CLOCK) {
    this.#store = store;
    this.#prices = new LastPrices(symbols);
    this.#scratch = new TickColumns(symbols);
    this.#onLoaded = onLoaded;
    this.#clock = clock;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancelRetry?.();
    this.#cancelWait?.();
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  start(): void {
    this.#cancelWait = this.#clock.after(LOAD_WAIT_MS, () => this.#loaded());
    void this.load();
  }

  /** Loads all last prices; retries every two seconds. */
  async load(): Promise<void> {
    this.#cancelRetry?.();
    try {
      const ticks = await this.#store.lastTicks();
      if (this.#isDisposed) return;
      this.#prices.merge(ticks);
      this.#loaded();
    } catch (error) {
      if (this.#isDisposed) return;
      fanoutLogger.warn({ cause: describeError(error) }, 'last prices cannot be loaded for now');
      this.#cancelRetry?.();
      this.#cancelRetry = this.#clock.after(RETRY_MS, () => void this.load());
    }
  }

  /** Live ticks, in the order of their arrival. */
  update(columns: TickColumns, fromRow: number, toRow: number): void {
    this.#prices.update(columns, fromRow, toRow);
  }

  /** All ticks of an entry that is not delivered live. */
  learn(entry: StreamEntry): void {
    this.#scratch.clear();
    appendEntryTicks(entry, 0, this.#scratch, ({ message }) =>
      fanoutLogger.error({ feed: entry.feed, reason: message }, 'ticks of an entry cannot be read'),
    );
    this.#prices.update(this.#scratch, 0, this.#scratch.length);
  }

  /** Bars that a flush committed: a close later than the price known here makes that one outdated. */
  onFlushed(bars: readonly MinuteBar[]): void {
    for (const { symbol, closeMicros } of bars) {
      if (closeMicros > this.#prices.timeOf(symbol)) this.#outdated.add(symbol);
    }
  }

  /** Asks the store for outdated prices, at most once a second. */
  async refresh(nowMs: number): Promise<void> {
    if (this.#outdated.size === 0 || nowMs - this.#refreshedMs < REFRESH_MS) return;
    this.#refreshedMs = nowMs;
    const symbols = [...this.#outdated];
    this.#outdated.clear();
    try {
      this.#prices.merge(await this.#store.lastTicks(symbols));
    } catch (error) {
      for (const symbol of symbols) this.#outdated.add(symbol);
      fanoutLogger.debug({ cause: describeError(error) }, 'last prices cannot be refreshed for now');
    }
  }

  /** Frames with the last tick of each symbol of the filter. */
  snapshot(codec: CodecName, filter: Pick<SymbolFilter, 'isAll' | 'names'>): Buffer[] {
    const fragments = new FragmentBuffer(codec);
    const ticks = filter.isAll ? this.#prices.all() : this.#prices.of(filter.names);
    for (const tick of ticks) fragments.writeTick(fragments.slots, 'last', tick);
    return fragments.allFrames(MAX_SNAPSHOT_TICKS).map(({ bytes }) => bytes);
  }

  #loaded(): void {
    this.#cancelWait?.();
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    this.#onLoaded();
  }
}
