import { ALL_SYMBOLS_KEY, type SymbolFilter } from '../market/symbol-filter.ts';
import { ErrorCode } from '../protocol/error-codes.ts';
import { type ChannelLists, EMPTY_CHANNELS, RequestRefusal } from '../protocol/live-request.ts';
import { SymbolSet } from '../market/symbol-set.ts';

const EVERYTHING = '*';
const SYMBOL_CHANNELS = ['trades', 'bars', 'updatedBars'] as const;
type SymbolChannel = (typeof SYMBOL_CHANNELS)[number];

export interface SubscriptionLimits {
  /** At most so many symbols are named by one connection, over all channels. */
  readonly maxSymbols: number;
  /** At most so many feeds are named by one connection. */
  readonly maxFeeds: number;
}

/**
 * Subscriptions of one dashboard, within its limits and rights. A change costs what the request names, however much is
 * subscribed to. Pure.
 */
export class Subscriptions {
  readonly #limits: SubscriptionLimits;
  readonly #allowed: '*' | ReadonlySet<string>;
  readonly #symbols: Readonly<Record<SymbolChannel, SymbolSet>> = {
    trades: new SymbolSet(),
    bars: new SymbolSet(),
    updatedBars: new SymbolSet(),
  };
  readonly #flushes = new Set<string>();
  /** Distinct names over the channels of symbols, without `*`. */
  #named = 0;
  #allowedKey: string | undefined;

  /** @param allowed symbols that may be named; `*` in a request then stands for these */
  constructor(limits: SubscriptionLimits, allowed: '*' | ReadonlySet<string>) {
    this.#limits = limits;
    this.#allowed = allowed;
  }

  /** Whether feeds may be named, and are named to it. */
  get maySeeFeeds(): boolean {
    return this.#allowed === EVERYTHING;
  }

  /**
   * @returns the names that are new under `trades`
   * @throws {RequestRefusal} where a limit or a right is exceeded: nothing has changed then
   */
  add(lists: ChannelLists): readonly string[] {
    this.#checkRights(lists);
    const fresh = this.#checkLimits(lists);
    const changed = lists.trades.filter((name) => this.#symbols.trades.add(name));
    for (const name of lists.bars) this.#symbols.bars.add(name);
    for (const name of lists.updatedBars) this.#symbols.updatedBars.add(name);
    for (const feed of lists.flushes) this.#flushes.add(feed);
    this.#named += fresh;
    return changed;
  }

  /** @returns the names that are gone from `trades` */
  remove(lists: ChannelLists): readonly string[] {
    const changed = lists.trades.filter((name) => this.#remove('trades', name));
    for (const name of lists.bars) this.#remove('bars', name);
    for (const name of lists.updatedBars) this.#remove('updatedBars', name);
    for (const feed of lists.flushes) this.#flushes.delete(feed);
    return changed;
  }

  /** The filter of a channel as it is now; its names change with the subscriptions, its key does not. */
  filter(channel: SymbolChannel): SymbolFilter {
    const { names, key } = this.#symbols[channel];
    if (!names.has(EVERYTHING)) return { isAll: false, names, key };
    if (this.#allowed === EVERYTHING) return { isAll: true, names, key: ALL_SYMBOLS_KEY };
    this.#allowedKey ??= new SymbolSet(this.#allowed).key;
    return { isAll: false, names: this.#allowed, key: this.#allowedKey };
  }

  wantsFlush(feed: string): boolean {
    return this.#flushes.has(EVERYTHING) || this.#flushes.has(feed);
  }

  get wantsFlushes(): boolean {
    return this.#flushes.size > 0;
  }

  /** The full state, as the acknowledgement tells it; `otherChannels`, which the request named, are empty. */
  state(otherChannels: readonly string[] = []): Record<string, readonly string[]> {
    const { trades, bars, updatedBars } = this.#symbols;
    const empty = Object.fromEntries([...EMPTY_CHANNELS, ...otherChannels].map((channel) => [channel, []]));
    return {
      trades: [...trades.names],
      ...empty,
      bars: [...bars.names],
      updatedBars: [...updatedBars.names],
      flushes: [...this.#flushes],
    };
  }

  #remove(channel: SymbolChannel, name: string): boolean {
    if (!this.#symbols[channel].delete(name)) return false;
    if (name !== EVERYTHING && !this.#isNamed(name)) this.#named -= 1;
    return true;
  }

  #isNamed(name: string): boolean {
    const { trades, bars, updatedBars } = this.#symbols;
    return trades.has(name) || bars.has(name) || updatedBars.has(name);
  }

  /** @returns how many symbols the request names for the first time */
  #checkLimits(lists: ChannelLists): number {
    const fresh = new Set<string>();
    for (const channel of SYMBOL_CHANNELS) {
      for (const name of lists[channel]) if (name !== EVERYTHING && !this.#isNamed(name)) fresh.add(name);
    }
    const { maxSymbols, maxFeeds } = this.#limits;
    if (this.#named + fresh.size > maxSymbols) {
      throw new RequestRefusal(ErrorCode.symbolLimitExceeded, `a connection may name ${maxSymbols} symbols, or *`);
    }
    const feeds = lists.flushes.filter((feed) => feed !== EVERYTHING && !this.#flushes.has(feed)).length;
    const known = this.#flushes.size - (this.#flushes.has(EVERYTHING) ? 1 : 0);
    if (known + feeds > maxFeeds) {
      throw new RequestRefusal(ErrorCode.symbolLimitExceeded, `a connection may name ${maxFeeds} feeds, or *`);
    }
    return fresh.size;
  }

  #checkRights(lists: ChannelLists): void {
    const allowed = this.#allowed;
    if (allowed === EVERYTHING) return;
    for (const channel of SYMBOL_CHANNELS) {
      const refused = lists[channel].find((symbol) => symbol !== EVERYTHING && !allowed.has(symbol));
      if (refused !== undefined) {
        throw new RequestRefusal(ErrorCode.insufficientPermission, `this token may not see ${refused}`);
      }
    }
    if (lists.flushes.length > 0) {
      throw new RequestRefusal(ErrorCode.insufficientPermission, 'this token may not see flushes');
    }
  }
}
