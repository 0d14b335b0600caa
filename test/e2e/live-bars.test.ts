import * as assert from 'uvu/assert';
import { readTicks } from '../../clients/csv/tick-csv.ts';
import { MINUTE_MICROS } from '../../src/market/minute-bar.ts';
import { parseIsoMicros } from '../../src/market/tick.ts';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { type RawLiveClient, type RawMessage, rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';
import { realData, until } from '../support/test-market.ts';

const EGX_WEEK = realData('egx_week_derived_ticks.csv.gz');

const test = suite('live bars are the stored bars', { timeoutMs: 120_000 });
let live: LiveMarket;

test.before(async () => {
  live = await openLiveMarket();
});
test.after(() => live.close());

async function watchBars(request: object): Promise<RawLiveClient> {
  const client = await rawLiveClient(live.gateway.url, { limitMs: 10_000 });
  client.send({ action: 'subscribe', ...request });
  await client.take('subscription', ({ T }) => T === 'subscription');
  return client;
}

const barText = (...values: readonly unknown[]): string => values.join(' ');

/** Rows of the bars table as text, by symbol and minute. */
async function storedBars(): Promise<Map<string, string>> {
  const { rows } = await live.market.db.query<Record<string, string | number>>(
    `SELECT symbol, (extract(epoch FROM time) * 1000000)::bigint::text AS minute, open, high, low, close,
            volume::float8 AS volume, trades::int AS trades, turnover::float8 AS turnover
     FROM ${live.market.prefix}_bars_1m`,
  );
  return new Map(
    rows.map(({ symbol, minute, open, high, low, close, volume, trades, turnover }) => [
      `${symbol} ${minute}`,
      barText(open, high, low, close, volume, trades, vwOf(Number(turnover), Number(volume))),
    ]),
  );
}

/** As the gateway computes it; the stored turnover has six digits. */
const vwOf = (turnover: number, volume: number): string => (volume > 0 ? (turnover / volume).toFixed(6) : 'none');

/** The last that a dashboard was told of each symbol and minute. */
function seenBars(messages: readonly RawMessage[]): Map<string, string> {
  const seen = new Map<string, string>();
  for (const { T, S, o, h, l, c, v, n, vw, t } of messages) {
    if (T !== 'b' && T !== 'u') continue;
    const average = typeof vw === 'number' ? vw.toFixed(6) : 'none';
    seen.set(`${String(S)} ${parseIsoMicros(String(t))}`, barText(o, h, l, c, v, n, average));
  }
  return seen;
}

test('a minute in its time: b when it is over, once; u when a late tick changes it', async () => {
  const client = await watchBars({ bars: ['NOWB'], updatedBars: ['NOWB'] });
  const onlyBars = await watchBars({ bars: ['NOWB'] });
  const other = await watchBars({ bars: ['ELSE'], updatedBars: ['ELSE'] });
  const minute = Math.floor((Date.now() * 1_000) / MINUTE_MICROS) * MINUTE_MICROS - 10 * MINUTE_MICROS;
  const feed = live.feed('bars-now');
  await publish(feed, tick('NOWB', 10, minute + 1), tick('NOWB', 12, minute + 2));
  await feed.drained();
  await publish(feed, tick('NOWB', 11, minute + MINUTE_MICROS));
  const bar = await client.take('b', ({ T }) => T === 'b');
  assert.equal([bar['S'], bar['o'], bar['h'], bar['c'], bar['v'], bar['n']], ['NOWB', 10, 12, 12, 200, 2]);
  await feed.drained();
  await publish(feed, tick('NOWB', 99, minute + 3));
  const update = await client.take('u', ({ T }) => T === 'u');
  assert.equal([update['h'], update['c'], update['n'], update['t']], [99, 99, 3, bar['t']]);
  assert.equal(
    onlyBars.messages.filter(({ T }) => T === 'b' || T === 'u').map(({ T }) => T),
    ['b'],
  );
  assert.equal(other.ofType('b').concat(other.ofType('u')), []);
  for (const each of [client, onlyBars, other]) await each.close();
});

test('every symbol and minute of a real week: the last that was told is the row', async (context) => {
  if (EGX_WEEK === undefined) context.skip('the real data is not at hand (TICKGATE_DATA_DIR)');
  const client = await watchBars({ bars: ['*'], updatedBars: ['*'] });
  const feed = live.feed('bars-week');
  for await (const ticks of readTicks(EGX_WEEK ?? '')) {
    for (const each of ticks) await feed.publish(each);
  }
  // The market moves on, a moment before now: so the last minutes of all symbols are over.
  await feed.publish(tick('ZEND', 1));
  await feed.drained();
  const stored = await storedBars();
  assert.ok(stored.size > 10_000, `${stored.size} bars`);
  const ofOthers = [...stored].filter(([key]) => !key.startsWith('NOWB') && !key.startsWith('ZEND'));
  await until('every minute was told', () => seenBars(client.messages).size >= ofOthers.length, 20_000);
  const seen = seenBars(client.messages);
  const different = ofOthers.filter(([key, text]) => seen.get(key) !== text);
  assert.equal(
    different.map(([key, text]) => `${key}: ${text} / ${seen.get(key) ?? 'never told'}`),
    [],
  );
  await client.close();
});
