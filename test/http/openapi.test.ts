import { Validator } from '@seriousme/openapi-schema-validator';
import { fastify } from 'fastify';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { loadConfig } from '../../src/config.ts';
import { addApiRoutes } from '../../src/http/api-routes.ts';
import { suite } from '../support/suite.ts';

const test = suite('OpenAPI document');

const shape = z.object({
  openapi: z.string(),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        operationId: z.string(),
        summary: z.string(),
        parameters: z
          .array(z.object({ name: z.string(), in: z.literal('query'), required: z.boolean(), description: z.string() }))
          .default([]),
        responses: z.record(z.string(), z.object({ description: z.string() })),
      }),
    ),
  ),
});

async function readDocument(): Promise<unknown> {
  const app = fastify();
  const never = (): Promise<never> => Promise.reject(new Error('not asked here'));
  addApiRoutes(app, {
    queries: { symbols: never, lastTicks: never, bars: never, ticks: never, top: never, board: never },
    tokens: { isOpen: false, authenticate: () => undefined },
    limits: loadConfig({}),
    timeZone: 'UTC',
    allowedOrigins: new Set(),
  });
  const answer = await app.inject('/api/openapi.json');
  assert.is(answer.statusCode, 200);
  await app.close();
  return answer.json();
}

test('is valid OpenAPI 3.1, and the validator would notice', async () => {
  const document = z.record(z.string(), z.unknown()).parse(await readDocument());
  const result = await new Validator().validate({ ...document });
  assert.is(result.valid, true, JSON.stringify(result));
  const broken = await new Validator().validate({ ...document, paths: { symbols: { get: { parameters: 'none' } } } });
  assert.is(broken.valid, false);
});

test('names every route with what it takes and answers', async () => {
  const { openapi, paths, components } = shape.parse(await readDocument());
  assert.match(openapi, /^3\.1\./);
  const summary = Object.entries(paths).map(([path, methods]) => [
    path,
    Object.keys(methods).join(),
    methods['get']?.parameters.map((each) => `${each.name}${each.required ? '!' : ''}`).join(' '),
  ]);
  assert.equal(summary, [
    ['/api/symbols', 'get', ''],
    ['/api/last', 'get', 'symbols'],
    ['/api/bars', 'get', 'symbol! interval from to limit'],
    ['/api/ticks', 'get', 'symbol! from to limit cursor'],
    ['/api/top', 'get', 'date by limit'],
    ['/api/board', 'get', 'date'],
  ]);
  for (const { get } of Object.values(paths)) {
    assert.equal(Object.keys(get?.responses ?? {}), ['200', '400', '401', '403', '429', '503']);
  }
  const named = ['Bars', 'Board', 'Error', 'LastTicks', 'Symbols', 'Ticks', 'Top'];
  assert.equal(Object.keys(components.schemas).sort(), named);
});
