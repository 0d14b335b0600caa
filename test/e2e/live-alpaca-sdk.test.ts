import { streaming } from '@alpacahq/alpaca-trade-api';
import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import { readTicks } from '../../clients/csv/tick-csv.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { formatMicros, type Tick } from '../../src/market/tick.ts';
import { suite } from '../support/suite.ts';
import { openTestMarket, realData, type TestMarket, until } from '../support/test-market.ts';

const US_TICKS = realData('us_ticks_20131011_nospy.csv.gz');
const TICKS = 20_000;
const NAMED = ['AIG', 'BAC', 'IBM'];

const test = suite('the Alpaca SDK, unchanged, is a client of /v1/live', {
  timeoutMs: 60_000,
  ...(US_TICKS === undefined ? { skip: 'the real data is not at hand (TICKGATE_DATA_DIR)' } : {}),
});
let market: TestMarket;
let gateway: Gateway;

test.before(async () => {
  market = await openTestMarket();
  await market.run('setup-db');
  gateway = await startGateway(market.config);
});
test.after(async () => {
  await gateway.close();
  await market.close();
});

interface SeenTrade {
  readonly symbol: string;
  readonly price: number;
  readonly size: number;
  readonly time: string;
}

/** The SDK's client, connected and subscribed. */
async function watch(
  symbols: string[],
): Promise<{ readonly trades: SeenTrade[]; readonly stream: streaming.StockDataStream }> {
  const trades: SeenTrade[] = [];
  const stream = new streaming.StockDataStream({
    credentials: { keyId: 'any', secret: 'any' },
    url: `${gateway.url.replace('http', 'ws')}/v1/live`,
  });
  stream.onTrade(({ symbol, price, size, timestampRaw }) =>
    trades.push({ symbol, price, size, time: timestampRaw ?? '' }),
  );
  const subscribed = new Promise<void>((resolve) => stream.on('subscription', () => resolve()));
  stream.onConnect(() => stream.subscribeForTrades(symbols));
  stream.connect();
  await subscribed;
  return { trades, stream };
}

async function someTicks(): Promise<Tick[]> {
  const ticks: Tick[] = [];
  for await (const page of readTicks(US_TICKS ?? '')) {
    ticks.push(...page);
    if (ticks.length >= TICKS) break;
  }
  return ticks.slice(0, TICKS);
}

const asSeen = ({ symbol, price, volume, timeMicros }: Tick): SeenTrade => ({
  symbol,
  price,
  size: volume,
  time: `${formatMicros(timeMicros).slice(0, -1)}000Z`,
});

test('every trade of 20,000 real ones, in order, for three symbols and for *', async () => {
  const ticks = await someTicks();
  const three = await watch(NAMED);
  const all = await watch(['*']);
  const feed = new FeedClient({ url: gateway.url, feed: 'sdk-test' });
  for (const tick of ticks) await feed.publish(tick);
  await feed.drained();
  await until('the last tick was seen', () => all.trades.length >= ticks.length);
  assert.equal(all.trades, ticks.map(asSeen));
  const named = ticks.filter((tick) => NAMED.includes(tick.symbol)).map(asSeen);
  assert.ok(named.length > 1_000);
  await until('the last named tick was seen', () => three.trades.length >= named.length);
  assert.equal(three.trades, named);
  three.stream.disconnect();
  all.stream.disconnect();
  await feed.close();
});
