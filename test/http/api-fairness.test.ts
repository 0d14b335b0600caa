import type { FastifyInstance } from 'fastify';
import * as assert from 'uvu/assert';
import { type Config, loadConfig } from '../../src/config.ts';
import type { ApiQueries } from '../../src/http/api-ports.ts';
import { addApiRoutes } from '../../src/http/api-routes.ts';
import { createHttpServer } from '../../src/http/http-server.ts';
import { ANYONE } from '../../src/http/tokens/principal.ts';
import { setLogLevel } from '../../src/logger.ts';
import { StrangerSocket } from '../bad-input/stranger-socket.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const READ_MS = 20;

const test = suite('fairness of the API', { timeoutMs: 20_000 });
test.before(() => setLogLevel('silent'));

/** A database whose reads take a while, or last until they are let go. */
class SlowDatabase {
  reads = 0;
  /** Reads that began between the arrival of each request of MODEST and its own. */
  readonly overtaken: number[] = [];
  isHeld = false;
  #arrivedAt = 0;
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  onRequest(address: string): void {
    if (address.includes('MODEST')) this.#arrivedAt = this.reads;
  }

  readonly ticks: ApiQueries['ticks'] = async ({ symbol }) => {
    if (symbol === 'MODEST') this.overtaken.push(this.reads - this.#arrivedAt);
    this.reads += 1;
    do await new Promise((resolve) => setTimeout(resolve, READ_MS));
    while (this.isHeld);
    const tick = { timeMicros: 1_700_000_000_000_000, price: 1, volume: 1 };
    return { ticks: Array.from({ length: this.#rows }, () => tick), nextCursor: undefined };
  };
}

interface Api {
  readonly app: FastifyInstance;
  readonly port: number;
  readonly database: SlowDatabase;
  readonly failures: string[];
}

/** Every token is good, and its own principal. */
async function serve(env: Record<string, string> = {}, rows = 1): Promise<Api> {
  const config: Config = loadConfig({ GATEWAY_TOKENS_FILE: 'tokens.json', ...env });
  const database = new SlowDatabase(rows);
  const never = (): Promise<never> => Promise.reject(new Error('not asked here'));
  const app = createHttpServer(config);
  const failures: string[] = [];
  app.addHook('preHandler', async (request) => database.onRequest(request.url));
  addApiRoutes(app, {
    queries: { symbols: never, lastTicks: never, bars: never, ticks: database.ticks, top: never, board: never },
    limits: config,
    tokens: {
      isOpen: false,
      authenticate: (name) => (name === 'unknown' ? undefined : { ...ANYONE, name, mayWatch: () => name !== 'feed' }),
    },
    timeZone: 'UTC',
    allowedOrigins: new Set(),
    onAuthFailed: ({ endpoint, reason, address }) => failures.push(`${endpoint} ${reason} ${address}`),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, port: Number(new URL(url).port), database, failures };
}

const requestOf = (token: string): string =>
  `GET /api/ticks?symbol=${token.toUpperCase()} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`;

async function statusOf(port: number, token: string): Promise<number | undefined> {
  using client = await StrangerSocket.connect(port);
  client.send(requestOf(token));
  return (await client.until(({ status }) => status !== undefined)).status;
}

test('one token pipelines 800 heavy reads: another is answered as if it were alone', async () => {
  const { app, port, database } = await serve();
  const greedy = await Promise.all(Array.from({ length: 50 }, () => StrangerSocket.connect(port)));
  for (const each of greedy) each.send(requestOf('greedy').repeat(16));
  await until('it is at work', () => database.reads > 2);
  for (let at = 0; at < 3; at++) assert.is(await statusOf(port, 'modest'), 200);
  assert.equal(database.overtaken, [0, 0, 0]);
  for (const each of greedy) each.socket.destroy();
  await until('those of the greedy one are not read any more', async () => {
    const before = database.reads;
    await new Promise((resolve) => setTimeout(resolve, READ_MS * 5));
    return database.reads === before;
  });
  assert.ok(database.reads < 800, `${database.reads} reads`);
  await app.close();
});

test('more in line than a token may have: 429 with Retry-After; another token is answered', async () => {
  const { app, port, database } = await serve({ API_WAITING_PER_TOKEN: '3' });
  database.isHeld = true;
  const crowd = await Promise.all(Array.from({ length: 10 }, () => StrangerSocket.connect(port)));
  for (const each of crowd) each.send(requestOf('greedy'));
  const count = (wanted: number): number => crowd.filter(({ answers }) => answers.status === wanted).length;
  await until('five are refused', () => count(429) === 5);
  database.isHeld = false;
  assert.is(await statusOf(port, 'modest'), 200);
  await until('five are answered', () => count(200) === 5);
  assert.is(count(429), 5);
  const refused = crowd.find(({ answers }) => answers.status === 429);
  assert.match(refused?.answers.headers.get('retry-after') ?? '', /^\d+$/);
  for (const each of crowd) each.socket.destroy();
  await app.close();
});

test('answers that nobody reads: beyond the bound of bytes the oldest are cut, and the one who reads is answered', async () => {
  const { app, port } = await serve({ API_UNREAD_BYTES: String(2 ** 20) }, 100_000);
  const deaf = await Promise.all(Array.from({ length: 4 }, () => StrangerSocket.connect(port)));
  for (const each of deaf) {
    each.socket.pause();
    each.send(requestOf('deaf'));
  }
  await until('all but the last are cut', async () => (await connectionsOf(app)) <= 1, 10_000);
  assert.is(await statusOf(port, 'modest'), 200);
  for (const each of deaf) each.socket.destroy();
  await app.close();
});

test('failed authentications are told with their reason', async () => {
  const { app, port, failures } = await serve();
  assert.is(await statusOf(port, 'unknown'), 401);
  assert.is(await statusOf(port, 'feed'), 403);
  assert.is((await fetch(`http://127.0.0.1:${port}/api/ticks?symbol=COMI`)).status, 401);
  assert.equal(failures, ['api unknown_token 127.0.0.1', 'api no_role 127.0.0.1', 'api no_token 127.0.0.1']);
  await app.close();
});

test('behind a proxy an address is the one that the proxy added, not what the client says of itself', async () => {
  const { app, port, failures } = await serve({ TRUST_PROXY: 'true' });
  const headers = { 'X-Forwarded-For': '203.0.113.9, 192.0.2.1' };
  assert.is((await fetch(`http://127.0.0.1:${port}/api/ticks?symbol=COMI`, { headers })).status, 401);
  assert.equal(failures, ['api no_token 192.0.2.1']);
  await app.close();
});

function connectionsOf(app: FastifyInstance): Promise<number> {
  return new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
}
