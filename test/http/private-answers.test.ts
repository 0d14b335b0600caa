import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import type { AccessTokens } from '../../src/http/access-tokens.ts';
import { addHealthRoutes, type Readiness } from '../../src/http/health-routes.ts';
import { createHttpServer } from '../../src/http/http-server.ts';
import { addMetricsRoute, MetricsServer } from '../../src/http/metrics-routes.ts';
import { ANYONE } from '../../src/http/tokens/principal.ts';
import { setLogLevel } from '../../src/logger.ts';
import { GatewayMetrics } from '../../src/metrics/gateway-metrics.ts';
import { StrangerSocket } from '../bad-input/stranger-socket.ts';
import { suite } from '../support/suite.ts';

const test = suite('private answers');
test.before(() => setLogLevel('silent'));

const READINESS: Readiness = {
  dependencies: { redis: { ok: true, detail: 'Redis 7.0 at secret.test:6379' }, flush: { ok: false, detail: 'why' } },
  durabilityWarnings: ['Redis keeps no append-only file'],
};
const TOKENS: Pick<AccessTokens, 'isOpen' | 'authenticate'> = {
  isOpen: false,
  authenticate: (token) => (token === 'good' ? ANYONE : undefined),
};

function serve(readiness: Readiness = READINESS): ReturnType<typeof createHttpServer> {
  const app = createHttpServer(loadConfig({ GATEWAY_TOKENS_FILE: 'tokens.json' }));
  addHealthRoutes(app, () => readiness, TOKENS);
  addMetricsRoute(app, new GatewayMetrics());
  return app;
}

interface Asker {
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly mayKnow: boolean;
}

const ASKERS: Readonly<Record<string, Asker>> = {
  'a program here': { remoteAddress: '127.0.0.1', headers: { host: 'localhost:8080' }, mayKnow: true },
  'a program here, by address': { remoteAddress: '::1', headers: { host: '[::1]:8080' }, mayKnow: true },
  'a page here under a name pointed at us': {
    remoteAddress: '127.0.0.1',
    headers: { host: 'evil.test:8080' },
    mayKnow: false,
  },
  'a stranger': { remoteAddress: '203.0.113.5', headers: { host: 'localhost' }, mayKnow: false },
  'a client of a proxy here': {
    remoteAddress: '127.0.0.1',
    headers: { host: 'localhost', 'x-forwarded-for': '203.0.113.5' },
    mayKnow: false,
  },
  'a stranger with a wrong token': {
    remoteAddress: '203.0.113.5',
    headers: { host: 'gateway.test', authorization: 'Bearer wrong' },
    mayKnow: false,
  },
};
for (const [who, { remoteAddress, headers, mayKnow }] of Object.entries(ASKERS)) {
  test(`${who}: ${mayKnow ? 'details and metrics' : 'ready or not, and no metrics'}`, async () => {
    const app = serve();
    const answer = await app.inject({ url: '/readyz', remoteAddress, headers });
    assert.is(answer.statusCode, 503);
    const { dependencies, durabilityWarnings: weaknesses } = READINESS;
    assert.equal(answer.json(), mayKnow ? { status: 'not ready', dependencies, weaknesses } : { status: 'not ready' });
    const metrics = await app.inject({ url: '/metrics', remoteAddress, headers });
    assert.is(metrics.statusCode, mayKnow ? 200 : 403);
    assert.is((await app.inject({ url: '/healthz', remoteAddress, headers })).statusCode, 200);
    await app.close();
  });
}

test('whoever has a token knows what is missing', async () => {
  const app = serve();
  const headers = { host: 'gateway.test', authorization: 'Bearer good' };
  const answer = await app.inject({ url: '/readyz', remoteAddress: '203.0.113.5', headers });
  assert.match(answer.body, 'secret.test');
  await app.close();
});

test('a port of its own for metrics: on loopback names of this machine only, and with deadlines', async () => {
  await using server = await MetricsServer.start('127.0.0.1', 0, new GatewayMetrics());
  const statusOf = async (host: string): Promise<number | undefined> => {
    using stranger = await StrangerSocket.connect(server.port);
    stranger.send(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return (await stranger.until(({ status }) => status !== undefined)).status;
  };
  assert.is(await statusOf(`localhost:${server.port}`), 200);
  assert.is(await statusOf('evil.test'), 403);
});

test('every answer says what it is and that nobody keeps it, errors and refusals too', async () => {
  const app = serve();
  for (const url of ['/healthz', '/readyz', '/metrics', '/nowhere', '/v1/feed']) {
    const { headers } = await app.inject(url);
    assert.is(headers['x-content-type-options'], 'nosniff', url);
    assert.is(headers['cache-control'], 'no-store', url);
    assert.match(String(headers['content-security-policy']), "default-src 'none'");
  }
  await app.close();
});
