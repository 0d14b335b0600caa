import { createServer, connect, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { errorAnswer, symbolsAnswer } from '../../src/http/api-answers.ts';
import { openFreshDatabase, type FreshDatabase } from '../store/fresh-database.ts';
import { suite } from '../support/suite.ts';
import { createApiServer } from './api-server.ts';

const test = suite('HTTP API without its database', { timeoutMs: 30_000 });
/** Connecting, waiting for an answer, and something for a busy machine. */
const LONGEST_MS = 8_000;
const ROUTES = ['symbols', 'last', 'bars?symbol=COMI', 'ticks?symbol=COMI', 'top', 'board'];
let database: FreshDatabase;

test.before(async () => {
  database = await openFreshDatabase();
});
test.after(() => database.close());

/** What a client is told: that it may ask again, and nothing of the operator's addresses and names. */
function assertUnavailable(answer: { statusCode: number; headers: object; body: string }, remedy: RegExp): void {
  assert.is(answer.statusCode, 503, answer.body);
  assert.ok('retry-after' in answer.headers);
  const refusal = errorAnswer.parse(JSON.parse(answer.body));
  assert.is(refusal.error, 'the database cannot be read now');
  assert.match(refusal.remedy ?? '', remedy);
  assert.not.match(answer.body, /egx|127\.0\.0\.1|postgres/i);
}

test('nothing listens there', async () => {
  await using server = await createApiServer(database.configWith({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1' }));
  for (const route of ROUTES) assertUnavailable(await server.app.inject(`/api/${route}`), /readyz/);
});

test('the schema is missing', async () => {
  const empty = await openFreshDatabase({ isEmpty: true });
  {
    await using server = await createApiServer(empty.config);
    for (const route of ROUTES) assertUnavailable(await server.app.inject(`/api/${route}`), /doctor/);
  }
  await empty.close();
});

test('the table is locked', async () => {
  await using server = await createApiServer(database.config);
  await database.client.query('BEGIN');
  await database.client.query('LOCK TABLE egx_bars_1m IN ACCESS EXCLUSIVE MODE');
  const startMs = performance.now();
  assertUnavailable(await server.app.inject('/api/symbols'), /readyz/);
  assert.ok(performance.now() - startMs < LONGEST_MS);
  await database.client.query('ROLLBACK');
  assert.is((await server.app.inject('/api/symbols')).statusCode, 200);
});

test('the server takes connections and says nothing', async () => {
  await using silent = await listen(() => undefined);
  await using server = await createApiServer(
    database.configWith({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(silent.port) }),
  );
  const startMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 20 }, () => server.app.inject('/api/symbols')));
  assert.ok(performance.now() - startMs < LONGEST_MS);
  for (const answer of answers) assertUnavailable(answer, /readyz/);
});

test('a network that swallows everything, and comes back', async () => {
  let isSwallowing = false;
  const { postgresHost, postgresPort } = database.config;
  await using proxy = await listen((socket) => {
    const upstream = connect(postgresPort, postgresHost);
    const forward = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => isSwallowing || to.write(bytes));
      from.on('close', () => to.destroy());
      from.on('error', () => undefined);
    };
    forward(socket, upstream);
    forward(upstream, socket);
  });
  await using server = await createApiServer(
    database.configWith({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(proxy.port) }),
  );
  assert.is((await server.app.inject('/api/symbols')).statusCode, 200);
  isSwallowing = true;
  const startMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 20 }, () => server.app.inject('/api/symbols')));
  assert.ok(performance.now() - startMs < LONGEST_MS, `${performance.now() - startMs} ms`);
  for (const answer of answers) assertUnavailable(answer, /readyz/);
  isSwallowing = false;
  const later = await server.app.inject('/api/symbols');
  assert.equal(symbolsAnswer.parse(later.json()), { symbols: [] });
});

async function listen(onSocket: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
