import { fastify } from 'fastify';
import * as assert from 'uvu/assert';
import { addHealthRoutes, type Readiness } from '../../src/http/health-routes.ts';
import { suite } from '../support/suite.ts';

const test = suite('/healthz and /readyz');

const READY: Readiness = {
  dependencies: { redis: { ok: true, detail: 'Redis 8' } },
  durabilityWarnings: ['Redis keeps no append-only file'],
};

/** No token is good. */
const TOKENS = { isOpen: false, authenticate: () => undefined };

async function answer(
  path: string,
  readiness: Readiness,
  remoteAddress = '127.0.0.1',
): Promise<{ status: number; body: unknown }> {
  const app = fastify();
  addHealthRoutes(app, () => readiness, TOKENS);
  const { statusCode, body } = await app.inject({ url: path, remoteAddress, headers: { host: 'localhost' } });
  await app.close();
  return { status: statusCode, body: JSON.parse(body) };
}

test('ready: 200, the dependencies, and the weaknesses of the promise under that key', async () => {
  const { dependencies, durabilityWarnings: weaknesses } = READY;
  assert.equal(await answer('/readyz', READY), { status: 200, body: { status: 'ready', dependencies, weaknesses } });
});

test('one dependency missing: 503 with the cause; the process lives all the same', async () => {
  const dependencies = { ...READY.dependencies, flush: { ok: false, detail: 'halted: no table' } };
  const readiness = { dependencies, durabilityWarnings: [] };
  const body = { status: 'not ready', dependencies, weaknesses: [] };
  assert.equal(await answer('/readyz', readiness), { status: 503, body });
  assert.equal(await answer('/healthz', readiness), { status: 200, body: { status: 'ok' } });
});

test('from another machine without a token: whether it is ready, and no details', async () => {
  assert.equal(await answer('/readyz', READY, '192.0.2.7'), { status: 200, body: { status: 'ready' } });
});
