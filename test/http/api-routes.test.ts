import { gunzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import {
  barsAnswer,
  boardAnswer,
  errorAnswer,
  lastAnswer,
  symbolsAnswer,
  ticksAnswer,
  topAnswer,
} from '../../src/http/api-answers.ts';
import { formatMicros } from '../../src/market/tick.ts';
import { barsOf, storeBatch, tiedTape, type TestTick } from '../store/batches.ts';
import { openFreshDatabase, type FreshDatabase } from '../store/fresh-database.ts';
import { suite } from '../support/suite.ts';
import { createApiServer, type ApiServer } from './api-server.ts';

const test = suite('HTTP API');
/** 2025-12-01T08:00:00Z */
const START = 1_764_576_000_000_000;
const DAY = 86_400_000_000;
const SYMBOLS = ['COMI', 'ETEL', 'SWDY'];
const TOKENS = [
  { token: 'sees-all', roles: ['live'] },
  { token: 'sees-one', roles: ['live'], symbols: ['ETEL'] },
  { token: 'feeds', roles: ['feed'] },
];
let database: FreshDatabase;
let open: ApiServer;
let guarded: ApiServer;
let tape: readonly TestTick[];

test.before(async () => {
  database = await openFreshDatabase();
  tape = [...tiedTape(SYMBOLS, START, 60), ...tiedTape(SYMBOLS, START + DAY, 60)];
  await storeBatch(database.client, 'egx', tape);
  open = await createApiServer(database.config, { allowedOrigins: ['https://board.example'] });
  guarded = await createApiServer(database.config, { tokens: TOKENS });
});
test.after(async () => {
  await open[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
  await database.close();
});

const get = (url: string, headers: Record<string, string> = {}) => open.app.inject({ url, headers });
const getAs = (token: string, url: string) =>
  guarded.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
const own = (symbol: string): TestTick[] => tape.filter((tick) => tick.symbol === symbol);

test('symbols', async () => {
  const answer = await get('/api/symbols');
  assert.is(answer.statusCode, 200);
  assert.equal(symbolsAnswer.parse(answer.json()), { symbols: SYMBOLS });
});

test('last: all symbols, or those asked for', async () => {
  const all = lastAnswer.parse((await get('/api/last')).json());
  assert.equal(
    all.ticks.map((tick) => tick.symbol),
    SYMBOLS,
  );
  const newest = Math.max(...own('SWDY').map((tick) => tick.timeMicros));
  const some = lastAnswer.parse((await get('/api/last?symbols=SWDY,NONE')).json());
  assert.equal(
    some.ticks.map((tick) => [tick.symbol, tick.time]),
    [['SWDY', formatMicros(newest)]],
  );
});

test('bars from a time on, in pages that follow each other', async () => {
  const expected = barsOf(own('COMI')).map((bar) => ({
    time: formatMicros(bar.minuteMicros),
    open: bar.open,
    high: bar.high,
    low: bar.low,
    close: bar.close,
    volume: bar.volume,
    trades: bar.trades,
    turnover: bar.turnoverMillionths / 1e6,
  }));
  const seen = [];
  let from: string | null = formatMicros(START);
  while (from !== null) {
    const page = barsAnswer.parse((await get(`/api/bars?symbol=COMI&interval=1m&limit=7&from=${from}`)).json());
    seen.push(...page.bars);
    from = page.next;
  }
  assert.equal(seen, expected);
});

test('bars without a beginning are the newest, earliest first', async () => {
  const all = barsAnswer.parse((await get(`/api/bars?symbol=COMI&from=${START}`)).json());
  const newest = barsAnswer.parse((await get('/api/bars?symbol=COMI&limit=3')).json());
  assert.equal(newest.bars, all.bars.slice(-3));
  assert.is(newest.next, null);
  const before = barsAnswer.parse((await get(`/api/bars?symbol=COMI&limit=3&to=${START + DAY}`)).json());
  assert.equal(before.bars, all.bars.filter((bar) => bar.time < formatMicros(START + DAY)).slice(-3));
});

test('ticks of a range, in pages', async () => {
  const expected = own('ETEL')
    .sort((a, b) => a.timeMicros - b.timeMicros || a.price - b.price || a.volume - b.volume)
    .map((tick) => ({ time: formatMicros(tick.timeMicros), price: tick.price, volume: tick.volume }));
  const range = `from=${START}&to=${START + 2 * DAY}`;
  const seen = [];
  let cursor = '';
  do {
    const page = ticksAnswer.parse((await get(`/api/ticks?symbol=ETEL&limit=11&${range}${cursor}`)).json());
    seen.push(...page.ticks);
    cursor = page.next === null ? '' : `&cursor=${page.next}`;
  } while (cursor !== '');
  assert.equal(seen, expected);
});

test('ticks without a beginning are of the 24 hours before the end', async () => {
  const answer = ticksAnswer.parse((await get(`/api/ticks?symbol=ETEL&to=${formatMicros(START + DAY)}`)).json());
  assert.is(answer.ticks.length, own('ETEL').filter((tick) => tick.timeMicros < START + DAY).length);
});

test('times with a zone, also where + has become a space', async () => {
  const counts = [];
  for (const time of ['2025-12-01T08:00:00Z', '2025-12-01T10:00:00%2B02:00', '2025-12-01T10:00:00+02:00', START]) {
    const answer = await get(`/api/ticks?symbol=ETEL&from=${time}&limit=10000`);
    counts.push(ticksAnswer.parse(answer.json()).ticks.length);
  }
  assert.equal(counts, Array(4).fill(own('ETEL').length));
});

test('top of a day', async () => {
  const answer = topAnswer.parse((await get('/api/top?date=2025-12-01&by=trades&limit=2')).json());
  assert.is(answer.date, '2025-12-01');
  assert.is(answer.top.length, 2);
  const counted = own(answer.top[0]?.symbol ?? '').filter((tick) => tick.timeMicros < START + DAY / 2);
  assert.is(answer.top[0]?.trades, counted.length);
  const today = topAnswer.parse((await get('/api/top')).json());
  assert.is(today.date, new Intl.DateTimeFormat('en-CA', { timeZone: 'Africa/Cairo' }).format(Date.now()));
  assert.equal(today.top, []);
});

test('board', async () => {
  const answer = boardAnswer.parse((await get('/api/board')).json());
  assert.equal(
    [answer.date, answer.begin, answer.end],
    ['2025-12-02', '2025-12-01T22:00:00.000000Z', '2025-12-02T22:00:00.000000Z'],
  );
  assert.equal(
    answer.rows.map((row) => row.symbol),
    SYMBOLS,
  );
  const [comi] = answer.rows;
  assert.is(comi?.day?.trades, own('COMI').filter((tick) => tick.timeMicros >= START + DAY).length);
  const earlier = boardAnswer.parse((await get('/api/board?date=2025-12-01')).json());
  assert.is(comi?.previousClose, earlier.rows[0]?.price);
});

const REFUSED: ReadonlyArray<readonly [url: string, field: string]> = [
  ['/api/symbols?x=1', 'x'],
  ['/api/last?symbols=', 'symbols'],
  ['/api/last?symbols=COMI,,SWDY', 'symbols'],
  ['/api/last?symbols=CO%20MI', 'symbols'],
  [`/api/last?symbols=${Array.from({ length: 1_001 }, (_, i) => `S${i}`).join(',')}`, 'symbols'],
  ['/api/bars', 'symbol'],
  ['/api/bars?symbol=', 'symbol'],
  ['/api/bars?symbol=COMI&symbol=SWDY', 'symbol'],
  [`/api/bars?symbol=${'A'.repeat(33)}`, 'symbol'],
  [`/api/bars?symbol=COMI%27%3B%20DROP%20TABLE`, 'symbol'],
  ['/api/bars?symbol=%D9%85%D8%B5%D8%B1', 'symbol'],
  ['/api/bars?symbol=COMI&interval=2m', 'interval'],
  ['/api/bars?symbol=COMI&limit=0', 'limit'],
  ['/api/bars?symbol=COMI&limit=-5', 'limit'],
  ['/api/bars?symbol=COMI&limit=1.5', 'limit'],
  ['/api/bars?symbol=COMI&limit=10001', 'limit'],
  ['/api/bars?symbol=COMI&limit=many', 'limit'],
  ['/api/bars?symbol=COMI&limit=1&limit=2', 'limit'],
  ['/api/bars?symbol=COMI&from=yesterday', 'from'],
  ['/api/bars?symbol=COMI&from=2025-12-01', 'from'],
  ['/api/bars?symbol=COMI&from=2025-12-01T08:00:00', 'from'],
  ['/api/bars?symbol=COMI&from=2025-02-30T08:00:00Z', 'from'],
  ['/api/bars?symbol=COMI&to=99999999999999999999', 'to'],
  ['/api/bars?symbol=COMI&to=-1', 'to'],
  [`/api/bars?symbol=COMI&from=${START}&to=${START}`, 'to'],
  ['/api/bars?symbol=COMI&form=1', 'form'],
  ['/api/ticks', 'symbol'],
  ['/api/ticks?symbol=COMI&cursor=', 'cursor'],
  ['/api/ticks?symbol=COMI&cursor=1.0%20OR%201=1', 'cursor'],
  [`/api/ticks?symbol=COMI&from=${START}&to=1`, 'to'],
  ['/api/top?date=2025-13-01', 'date'],
  ['/api/top?date=today', 'date'],
  ['/api/top?date=1970-01-01', 'date'],
  ['/api/top?by=price', 'by'],
  ['/api/top?limit=1001', 'limit'],
  ['/api/board?date=01.12.2025', 'date'],
  ['/api/board?day=2025-12-01', 'day'],
];
for (const [url, field] of REFUSED) {
  test(`refuses ${url.slice(0, 80)}`, async () => {
    const answer = await get(url);
    assert.is(answer.statusCode, 400);
    assert.is(answer.headers['cache-control'], 'no-store');
    const refusal = errorAnswer.parse(answer.json());
    assert.is(refusal.field, field);
    assert.ok(refusal.error.startsWith(field), refusal.error);
  });
}

test('what is not there, and what is no GET', async () => {
  for (const [method, url] of [
    ['GET', '/api'],
    ['GET', '/api/'],
    ['GET', '/api/nothing'],
    ['GET', '/api/bars/COMI'],
    ['POST', '/api/bars'],
    ['DELETE', '/api/symbols'],
  ] as const) {
    const answer = await open.app.inject({ method, url });
    assert.is(answer.statusCode, 404, `${method} ${url}`);
    assert.match(errorAnswer.parse(answer.json()).remedy ?? '', 'openapi.json');
  }
});

test('a token is needed where there are tokens', async () => {
  for (const authorization of [undefined, '', 'Bearer ', 'Bearer wrong', 'Basic sees-all', 'sees-all']) {
    const answer = await guarded.app.inject({
      url: '/api/symbols',
      headers: authorization === undefined ? {} : { authorization },
    });
    assert.is(answer.statusCode, 401, authorization);
    assert.is(answer.headers['www-authenticate'], 'Bearer');
    assert.match(errorAnswer.parse(answer.json()).remedy ?? '', 'Authorization');
  }
  assert.is((await getAs('feeds', '/api/symbols')).statusCode, 403);
  assert.is((await getAs('sees-all', '/api/symbols')).statusCode, 200);
  assert.is((await guarded.app.inject('/api/openapi.json')).statusCode, 200);
});

test('a token shows its own symbols only', async () => {
  const answer = async (url: string): Promise<unknown> => (await getAs('sees-one', url)).json();
  assert.equal(symbolsAnswer.parse(await answer('/api/symbols')).symbols, ['ETEL']);
  assert.equal(
    lastAnswer.parse(await answer('/api/last')).ticks.map((tick) => tick.symbol),
    ['ETEL'],
  );
  assert.equal(
    boardAnswer.parse(await answer('/api/board')).rows.map((row) => row.symbol),
    ['ETEL'],
  );
  assert.equal(
    topAnswer.parse(await answer('/api/top?date=2025-12-01&limit=1')).top.map((row) => row.symbol),
    ['ETEL'],
  );
  assert.ok(ticksAnswer.parse(await answer(`/api/ticks?symbol=ETEL&from=${START}`)).ticks.length > 0);
  for (const url of ['/api/bars?symbol=COMI', '/api/ticks?symbol=COMI', '/api/last?symbols=ETEL,COMI']) {
    const refused = await getAs('sees-one', url);
    assert.is(refused.statusCode, 403, url);
    assert.match(errorAnswer.parse(refused.json()).error, 'COMI');
  }
});

test('an unchanged answer is not sent again, and a changed one is', async () => {
  const url = '/api/last?symbols=COMI';
  const first = await get(url);
  const tag = String(first.headers.etag);
  assert.match(tag, /^W\//, 'one tag for the answer, compressed or not');
  assert.is(first.headers['cache-control'], 'private, no-cache');
  assert.match(String(first.headers.vary), 'Authorization');
  const again = await get(url, { 'if-none-match': tag });
  assert.equal([again.statusCode, again.body], [304, '']);
  const late = { symbol: 'COMI', timeMicros: START + 3 * DAY, price: 77, volume: 1 };
  await storeBatch(database.client, 'egx', [late]);
  const changed = await get(url, { 'if-none-match': tag });
  assert.is(changed.statusCode, 200);
  assert.is(lastAnswer.parse(changed.json()).ticks[0]?.price, 77);
});

test('large answers are compressed for those who can read it', async () => {
  const url = `/api/ticks?symbol=SWDY&from=${START}`;
  const plain = await get(url);
  const packed = await get(url, { 'accept-encoding': 'gzip' });
  assert.is(packed.headers['content-encoding'], 'gzip');
  assert.match(String(packed.headers.vary), /authorization.*accept-encoding/i);
  assert.ok(packed.rawPayload.length < plain.rawPayload.length / 3);
  assert.is(gunzipSync(packed.rawPayload).toString(), plain.body);
  assert.is(packed.headers.etag, plain.headers.etag);
});

test('pages of allowed origins may read the answers, others may not', async () => {
  const allowed = await get('/api/symbols', { origin: 'https://board.example' });
  assert.is(allowed.headers['access-control-allow-origin'], 'https://board.example');
  const asked = await open.app.inject({
    method: 'OPTIONS',
    url: '/api/symbols',
    headers: { origin: 'https://board.example', 'access-control-request-method': 'GET' },
  });
  assert.equal(
    [asked.statusCode, asked.headers['access-control-allow-headers']],
    [204, 'Authorization, If-None-Match'],
  );
  for (const server of [open, guarded]) {
    const other = await server.app.inject({ url: '/api/symbols', headers: { origin: 'https://other.example' } });
    assert.is(other.headers['access-control-allow-origin'], undefined);
  }
});
