import { FeedClient } from '../../clients/feed/feed-client.ts';

/** A feed whose prices move all the time. */
export interface MovingFeed extends AsyncDisposable {
  /** Stops, and waits until everything is committed. @returns last price, sum of volumes and number of trades by symbol */
  stop(): Promise<ReadonlyMap<string, { price: number; volume: number; trades: number }>>;
}

/** Publishes one tick of each symbol every `everyMs`, stamped now. */
export function startMovingFeed(options: {
  readonly url: string;
  readonly feed: string;
  readonly symbols: readonly string[];
  readonly token?: string;
  readonly everyMs?: number;
}): MovingFeed {
  const { url, feed, symbols, token, everyMs = 50 } = options;
  const client = new FeedClient({ url, feed, token });
  const sums = new Map(symbols.map((symbol) => [symbol, { price: 0, volume: 0, trades: 0 }]));
  let round = 0;
  const stopping = new AbortController();
  const publish = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      round += 1;
      const startMicros = Date.now() * 1_000;
      const ticks = symbols.map((symbol, at) => ({
        symbol,
        price: 10 + at + ((round * 7) % 100) / 100,
        volume: 1 + ((round + at) % 9),
        timeMicros: startMicros + at,
      }));
      for (const { symbol, price, volume } of ticks) {
        const sum = sums.get(symbol);
        if (sum === undefined) continue;
        sum.price = price;
        sum.volume += volume;
        sum.trades += 1;
      }
      await client.publishFrame(ticks);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  const publishing = publish();
  return {
    async stop() {
      stopping.abort();
      await publishing;
      await client.drained();
      return sums;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await publishing;
      await client[Symbol.asyncDispose]();
    },
  };
}
