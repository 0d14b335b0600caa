import { ErrorCode } from '../protocol/error-codes.ts';
import {
  type ChannelLists,
  EMPTY_CHANNELS,
  LIVE_CHANNELS,
  type LiveChannel,
  RequestRefusal,
} from '../protocol/live-request.ts';
import type { SymbolFilter } from '../market/symbol-filter.ts';

const EVERYTHING = '*';
const SYMBOL_CHANNELS: readonly LiveChannel[] = ['trades', 'bars', 'updatedBars'];

/** Subscriptions of one dashboard, within its limits and rights. Pure. */
export class Subscriptions {
  readonly #maxSymbols: number;
  readonly #allowed: '*' | ReadonlySet<string>;
  #lists: Readonly<Record<LiveChannel, ReadonlySet<string>>> = {
    trades: new Set(),
    bars: new Set(),
    updatedBars: new Set(),
    flushes: new Set(),
  };

  /** @param allowed symbols that may be named; `*` in a request then stands for these */
  constructor(maxSymbols: number, allowed: '*' | ReadonlySet<string>) {
    this.#maxSymbols = maxSymbols;
    this.#allowed = allowed;
  }

  /** @throws {RequestRefusal} where a limit or a right is exceeded: nothing has changed then */
  add(lists: ChannelLists): void {
    const next = { ...this.#lists };
    for (const channel of LIVE_CHANNELS) {
      if (lists[channel].length > 0) next[channel] = new Set([...this.#lists[channel], ...lists[channel]]);
    }
    this.#checkRights(lists);
    const named = new Set(SYMBOL_CHANNELS.flatMap((channel) => [...next[channel]]));
    named.delete(EVERYTHING);
    if (named.size > this.#maxSymbols) {
      throw new RequestRefusal(
        ErrorCode.symbolLimitExceeded,
        `a connection may name ${this.#maxSymbols} symbols, or *`,
      );
    }
    this.#lists = next;
  }

  remove(lists: ChannelLists): void {
    const next = { ...this.#lists };
    for (const channel of LIVE_CHANNELS) {
      if (lists[channel].length === 0) continue;
      const gone = new Set(lists[channel]);
      next[channel] = new Set([...this.#lists[channel]].filter((name) => !gone.has(name)));
    }
    this.#lists = next;
  }

  filter(channel: 'trades' | 'bars' | 'updatedBars'): SymbolFilter {
    const names = this.#lists[channel];
    if (!names.has(EVERYTHING)) return { isAll: false, names };
    return this.#allowed === EVERYTHING ? { isAll: true, names } : { isAll: false, names: this.#allowed };
  }

  wantsFlush(feed: string): boolean {
    return this.#lists.flushes.has(EVERYTHING) || this.#lists.flushes.has(feed);
  }

  get wantsFlushes(): boolean {
    return this.#lists.flushes.size > 0;
  }

  /** The full state, as the acknowledgement tells it; `otherChannels`, which the request named, are empty. */
  state(otherChannels: readonly string[] = []): Record<string, readonly string[]> {
    const { trades, bars, updatedBars, flushes } = this.#lists;
    const empty = Object.fromEntries([...EMPTY_CHANNELS, ...otherChannels].map((channel) => [channel, []]));
    return { trades: [...trades], ...empty, bars: [...bars], updatedBars: [...updatedBars], flushes: [...flushes] };
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
