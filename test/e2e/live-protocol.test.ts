import * as assert from 'uvu/assert';
import { type LiveMarket, openLiveMarket, publish, tick } from '../fanout/live-market.ts';
import { type RawLiveClient, type RawLiveOptions, rawLiveClient } from '../fanout/raw-live-client.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const test = suite('/v1/live');
let live: LiveMarket;
const clients: RawLiveClient[] = [];

test.before(async () => {
  live = await openLiveMarket({ LIVE_MAX_SYMBOLS: '5' });
});
test.after.each(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
});
test.after(() => live.close());

async function connect(options?: RawLiveOptions): Promise<RawLiveClient> {
  const client = await rawLiveClient(live.gateway.url, options);
  clients.push(client);
  return client;
}

async function subscribed(request: object, options?: RawLiveOptions): Promise<RawLiveClient> {
  const client = await connect(options);
  client.send({ action: 'subscribe', ...request });
  await client.take('subscription', ({ T }) => T === 'subscription');
  return client;
}

const pricesOf = (client: RawLiveClient, type: string, symbol: string): unknown[] =>
  client
    .ofType(type)
    .filter(({ S }) => S === symbol)
    .map(({ p }) => p);

test('the welcome comes first; the acknowledgement is the full state; what is foreign is echoed empty', async () => {
  const client = await connect();
  const welcome = await client.take('welcome', () => true);
  assert.is(welcome.T, 'success');
  assert.is(welcome['msg'], 'connected');
  assert.is(welcome['v'], 1);
  client.send({ action: 'subscribe', trades: ['COMI'], quotes: ['COMI'], bars: ['*'] });
  const first = await client.take('subscription', ({ T }) => T === 'subscription');
  assert.equal([first['trades'], first['quotes'], first['bars'], first['updatedBars']], [['COMI'], [], ['*'], []]);
  client.send({ action: 'subscribe', trades: ['SWDY', 'COMI'], flushes: ['*'] });
  const second = await client.take('subscription', ({ T }) => T === 'subscription');
  assert.equal([second['trades'], second['bars'], second['flushes']], [['COMI', 'SWDY'], ['*'], ['*']]);
  client.send({ action: 'unsubscribe', trades: ['COMI'], bars: ['*'] });
  const third = await client.take('subscription', ({ T }) => T === 'subscription');
  assert.equal([third['trades'], third['bars']], [['SWDY'], []]);
});

test('an open gateway answers any auth, so that SDKs go on; a second one is 403', async () => {
  const client = await connect();
  client.send({ action: 'auth', key: 'k', secret: 's' });
  await client.take('authenticated', ({ msg }) => msg === 'authenticated');
  client.send({ action: 'auth', key: 'k', secret: 's' });
  await client.take('403', ({ code }) => code === 403);
});

const REFUSED: ReadonlyArray<readonly [what: string, request: unknown, code: number, closes: number | undefined]> = [
  ['no map', [1], 400, 4501],
  ['no action', { trades: ['A'] }, 400, 4501],
  ['an unknown action', { action: 'dance' }, 400, 4501],
  ['an unknown key that is no list', { action: 'subscribe', trade: 'A' }, 400, 4501],
  ['a list that is none', { action: 'subscribe', trades: 'A' }, 400, 4501],
  ['a list of numbers', { action: 'subscribe', trades: [1] }, 400, 4501],
  ['an unknown mode', { action: 'subscribe', mode: 'some' }, 400, 4501],
  ['maxHz below nothing', { action: 'subscribe', maxHz: -1 }, 400, 4501],
  ['a symbol that none can be', { action: 'subscribe', trades: ['A B'] }, 400, undefined],
  ['too many symbols', { action: 'subscribe', trades: ['A', 'B', 'C'], bars: ['D', 'E', 'F'] }, 405, undefined],
  ['publishing', { action: 'publish', seq: 1, prev: 0, ticks: [] }, 410, undefined],
  ['opening a feed', { action: 'open', feed: 'x' }, 410, undefined],
  ['resume without trades', { action: 'subscribe', resume: 'x' }, 400, undefined],
];
for (const codec of ['json', 'msgpack'] as const) {
  for (const [what, request, code, closes] of REFUSED) {
    test(`${codec}: ${what} is ${code}${closes === undefined ? ', and changes nothing' : ` and the close ${closes}`}`, async () => {
      const client = await subscribed({ trades: ['COMI'] }, { codec });
      client.send(Object(request));
      await client.take(`error ${code}`, ({ T, code: got }) => T === 'error' && got === code);
      if (closes !== undefined) return assert.is(await client.closed, closes);
      client.send({ action: 'subscribe', trades: ['SWDY'] });
      const state = await client.take('subscription', ({ T }) => T === 'subscription');
      assert.equal(state['trades'], ['COMI', 'SWDY']);
    });
  }
}

test('a text on the msgpack codec is 1003, a message beyond the limit 1009', async () => {
  const wrongType = await connect({ codec: 'msgpack' });
  wrongType.socket.send('{"action":"subscribe"}');
  assert.is(await wrongType.closed, 1003);
  const tooLarge = await connect();
  tooLarge.send({ action: 'subscribe', trades: ['A'.repeat(100_000)] });
  assert.is(await tooLarge.closed, 1009);
});

test('a tick in both codecs: numbers as they are, time with microseconds, T first', async () => {
  const json = await subscribed({ trades: ['TIME'] });
  const msgpack = await subscribed({ trades: ['TIME'] }, { codec: 'msgpack' });
  const frames: Buffer[] = [];
  msgpack.socket.on('message', (data: Buffer) => frames.push(data));
  const timeMicros = Date.now() * 1_000 - 876_543;
  const feed = live.feed('codec-test');
  await publish(feed, { symbol: 'TIME', price: 45.5, volume: 5_000_000_000, timeMicros });
  const seen = await json.take('tick', ({ T }) => T === 't');
  const iso = `${new Date(Math.floor(timeMicros / 1e3)).toISOString().slice(0, -1)}${String(timeMicros % 1_000).padStart(3, '0')}Z`;
  assert.equal({ ...seen }, { T: 't', S: 'TIME', p: 45.5, s: 5_000_000_000, t: iso });
  assert.equal(Object.keys(seen)[0], 'T');
  await msgpack.take('tick', ({ T }) => T === 't');
  const bytes = frames[0] ?? Buffer.alloc(0);
  assert.is(bytes.subarray(0, 3).toString('hex'), '9185a1', 'an array of one map');
  const at = bytes.lastIndexOf(Buffer.from([0xd7, 0xff]));
  const nanoseconds = bytes.readUInt32BE(at + 2) >>> 2;
  const seconds = (bytes.readUInt32BE(at + 2) & 3) * 2 ** 32 + bytes.readUInt32BE(at + 6);
  assert.is(seconds * 1e6 + nanoseconds / 1e3, timeMicros);
});

test('snapshot and live join without a gap or a repeat, while ticks come', async () => {
  const feed = live.feed('snapshot-test');
  let price = 0;
  const stop = new AbortController();
  const publishing = (async () => {
    while (!stop.signal.aborted) await publish(feed, tick('SNAP', ++price), tick('OTHR', price));
  })();
  await until('some ticks', () => price > 20);
  for (let round = 0; round < 10; round++) {
    const client = await subscribed({ trades: ['SNAP'], snapshot: true });
    await until('live ticks', () => client.ofType('t').length > 5);
    assert.is(client.ofType('last').length, 1);
    const seen = [...pricesOf(client, 'last', 'SNAP'), ...pricesOf(client, 't', 'SNAP')].map(Number);
    const first = seen[0] ?? 0;
    assert.equal(
      seen,
      seen.map((_, index) => first + index),
    );
    assert.is(pricesOf(client, 't', 'OTHR').length, 0);
    client.socket.terminate();
  }
  stop.abort();
  await publishing;
});

test('the last price is the tick with the greatest time, not the last to come', async () => {
  const feed = live.feed('late-test');
  const now = Date.now() * 1_000;
  await publish(feed, tick('LATE', 1, now), tick('LATE', 2, now), tick('LATE', 3, now - 5_000_000));
  const client = await subscribed({ trades: ['LATE'] });
  await publish(feed, tick('LATE', 4, now - 1));
  await client.take('tick 4', ({ p }) => p === 4);
  client.send({ action: 'subscribe', trades: ['LATE'], snapshot: true });
  const last = await client.take('snapshot', ({ T }) => T === 'last');
  assert.is(last['p'], 2);
});

test('a backfill is not shown, and its last price is', async () => {
  const client = await subscribed({ trades: ['BACK'] });
  const feed = live.feed('backfill-test', { live: false });
  await publish(feed, tick('BACK', 7));
  await feed.drained();
  await until('the price is known', async () => {
    client.send({ action: 'subscribe', trades: ['BACK'], snapshot: true });
    await client.take('subscription', ({ T }) => T === 'subscription');
    return client.ofType('last').length > 0;
  });
  assert.is(client.ofType('last')[0]?.['p'], 7);
  assert.is(client.ofType('t').length, 0);
});

test('a frame sent again after the state of its feed was lost is not shown again', async () => {
  const client = await subscribed({ trades: ['AGAIN'] });
  const feed = live.feed('again-test');
  await publish(feed, tick('AGAIN', 1));
  await feed.drained();
  await live.market.db.query(`UPDATE ${live.market.prefix}_feed_watermarks SET seq = 0 WHERE feed = 'again-test'`);
  await live.market.redis.hdel(`{${live.market.prefix}}:ticks:feed:again-test`, 'run', 'generation', 'position');
  await until(
    'sent again',
    async () =>
      (await live.market.count(`SELECT count(*) FROM ${live.market.prefix}_ticks WHERE symbol = 'AGAIN'`)) === 2,
  );
  await publish(feed, tick('AGAIN', 2));
  await client.take('tick 2', ({ p }) => p === 2);
  assert.equal(pricesOf(client, 't', 'AGAIN'), [1, 2]);
});

test('flushes tell what was committed', async () => {
  const client = await subscribed({ flushes: ['flush-test'] });
  const feed = live.feed('flush-test');
  await publish(feed, tick('FLSH', 1), tick('FLSH', 2));
  await feed.drained();
  const flush = await client.take('flush', ({ T }) => T === 'flush');
  assert.is(flush['feed'], 'flush-test');
  assert.is(flush['seq'], 1);
  assert.type(flush['ms'], 'number');
  assert.ok(Number(flush['rows']) >= 2);
});

test('a silent connection gets a heartbeat that tells how old each feed is', async () => {
  const feed = live.feed('beat-test');
  const client = await subscribed({ trades: ['NONE'] }, { limitMs: 8_000 });
  await publish(feed, tick('BEAT', 1));
  const beat = await client.take('heartbeat', ({ T }) => T === 'hb');
  const feeds: unknown = beat['feeds'];
  const own = Array.isArray(feeds) ? feeds.find((each: { feed: string }) => each.feed === 'beat-test') : undefined;
  assert.ok(own !== undefined && own.ageMs > 3_000 && own.ageMs < 9_000, JSON.stringify(beat));
});
