import { FeedClient } from '../../clients/feed/feed-client.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import type { Tick } from '../../src/market/tick.ts';
import { openTestMarket, type TestMarket } from '../support/test-market.ts';

/** A market with gateways in this process, and a feed. */
export interface LiveMarket {
  readonly market: TestMarket;
  /** The first gateway. */
  readonly gateway: Gateway;
  startGateway(changes?: Record<string, string>): Promise<Gateway>;
  feed(name: string, options?: { readonly live?: boolean; readonly url?: string }): FeedClient;
  close(): Promise<void>;
}

export async function openLiveMarket(changes: Record<string, string> = {}): Promise<LiveMarket> {
  const market = await openTestMarket();
  await market.run('setup-db');
  const gateways: Gateway[] = [];
  const feeds: FeedClient[] = [];
  const start = async (more: Record<string, string> = {}): Promise<Gateway> => {
    const gateway = await startGateway(market.configWith({ ...changes, ...more }));
    gateways.push(gateway);
    return gateway;
  };
  const gateway = await start();
  return {
    market,
    gateway,
    startGateway: start,
    feed(name, { live, url } = {}) {
      const feed = new FeedClient({ url: url ?? gateway.url, feed: name, live, frameDelayMs: 1 });
      feeds.push(feed);
      return feed;
    },
    async close() {
      await Promise.all(feeds.map((feed) => feed.close()));
      await Promise.all(gateways.map((each) => each.close()));
      await market.close();
    },
  };
}

/** A tick of now, or of a given time. */
export function tick(symbol: string, price: number, timeMicros: number = Date.now() * 1_000): Tick {
  return { symbol, price, volume: 100, timeMicros };
}

/** Publishes as one frame and waits until the buffer holds it. */
export async function publish(feed: FeedClient, ...ticks: readonly Tick[]): Promise<void> {
  const frame = await feed.publishFrame(ticks);
  await frame.acked();
}
