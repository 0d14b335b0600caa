import compress from '@fastify/compress';
import cors from '@fastify/cors';
import etag from '@fastify/etag';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { UsageError } from '../errors.ts';
import { DAY_MICROS } from '../market/tick.ts';
import type { Principal } from './access-tokens.ts';
import { ApiRefusal, authenticate, checkSymbols } from './api-access.ts';
import {
  barsAnswer,
  boardAnswer,
  errorAnswer,
  lastAnswer,
  symbolsAnswer,
  ticksAnswer,
  toBarsAnswer,
  toBoardAnswer,
  toLastAnswer,
  topAnswer,
  toTicksAnswer,
  toTopAnswer,
} from './api-answers.ts';
import { answerApiErrors } from './api-errors.ts';
import { boundUnreadAnswers, FairReads } from './api-fairness.ts';
import type { ApiDependencies } from './api-ports.ts';
import {
  barsRequest,
  boardRequest,
  lastRequest,
  rangeOf,
  symbolsRequest,
  ticksRequest,
  topRequest,
} from './api-requests.ts';
import { addressKey, clientAddress } from './client-address.ts';
import { addOpenapi } from './openapi.ts';

const COMPRESS_FROM_BYTES = 1_024;
/** More symbols than any exchange has: asked for where entitlement is applied after the database. */
const ALL_SYMBOLS = 100_000;

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined;
  }
  interface FastifyContextConfig {
    /** Answered without a token. */
    isPublic?: boolean;
  }
}

/** Adds `/api/…`: reads of the store, under the tokens and symbol entitlements of the live endpoint. */
export function addApiRoutes(app: FastifyInstance, dependencies: ApiDependencies): void {
  void app.register(
    async (api) => {
      await prepare(api, dependencies);
      addRoutes(api, dependencies);
    },
    { prefix: '/api' },
  );
}

async function prepare(
  api: FastifyInstance,
  { tokens, allowedOrigins, limits, onAuthFailed }: ApiDependencies,
): Promise<void> {
  answerApiErrors(api);
  api.setValidatorCompiler(validatorCompiler);
  // Answers are made by functions of that type: checking ten thousand rows again at each request would only cost.
  api.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  api.decorateRequest('principal', undefined);
  api.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.isPublic === true) return;
    reply.header('Cache-Control', 'private, no-cache').header('Vary', 'Authorization');
  });
  const origins = [...allowedOrigins].filter((origin) => origin !== '');
  if (origins.length > 0) {
    await api.register(cors, {
      origin: origins,
      methods: ['GET'],
      allowedHeaders: ['Authorization', 'If-None-Match'],
      exposedHeaders: ['ETag', 'Retry-After'],
      maxAge: 600,
    });
  }
  api.addHook('onRequest', async (request) => {
    if (request.is404 || request.routeOptions.config.isPublic === true) return;
    request.principal = await authenticate(request, tokens, (reason) => {
      const address = addressKey(clientAddress(request.raw, limits.trustProxy));
      onAuthFailed?.({ endpoint: 'api', reason, address });
    });
  });
  boundUnreadAnswers(api, limits.apiUnreadBytes);
  await api.register(etag, { weak: true });
  await api.register(compress, { threshold: COMPRESS_FROM_BYTES, encodings: ['gzip', 'deflate'] });
  await addOpenapi(api);
}

function addRoutes(plain: FastifyInstance, { queries, timeZone, tokens, limits }: ApiDependencies): void {
  const api = plain.withTypeProvider<ZodTypeProvider>();
  const reads = new FairReads(tokens, limits);

  api.get(
    '/symbols',
    { schema: { ...describe('symbols', 'Every symbol with ticks.', symbolsAnswer), querystring: symbolsRequest } },
    async (request) => {
      const principal = principalOf(request);
      const symbols = await reads.run(request, () => queries.symbols());
      return { symbols: symbols.filter((symbol) => principal.maySubscribe(symbol)) };
    },
  );

  api.get(
    '/last',
    { schema: { ...describe('last', 'The last stored tick of each symbol.', lastAnswer), querystring: lastRequest } },
    async (request) => {
      const principal = principalOf(request);
      const { symbols } = request.query;
      checkSymbols(principal, 'symbols', symbols ?? []);
      const allowed = principal.symbols === '*' ? undefined : [...principal.symbols];
      return toLastAnswer(await reads.run(request, () => queries.lastTicks(symbols ?? allowed)));
    },
  );

  api.get(
    '/bars',
    { schema: { ...describe('bars', 'Bars of a symbol, earliest first.', barsAnswer), querystring: barsRequest } },
    async (request) => {
      const { symbol, interval, limit, ...range } = request.query;
      checkSymbols(principalOf(request), 'symbol', [symbol]);
      const newestFirst = range.from === undefined;
      const query = { symbol, interval, limit, newestFirst, ...rangeOf(range, nowMicros()) };
      const bars = await reads.run(request, () => queries.bars(query));
      const isFull = !newestFirst && bars.length >= limit;
      return toBarsAnswer(symbol, interval, newestFirst ? [...bars].reverse() : bars, isFull);
    },
  );

  api.get(
    '/ticks',
    {
      schema: {
        ...describe('ticks', 'Ticks of a symbol in the order of time.', ticksAnswer),
        querystring: ticksRequest,
      },
    },
    async (request) => {
      const { symbol, limit, cursor, ...range } = request.query;
      checkSymbols(principalOf(request), 'symbol', [symbol]);
      const query = { symbol, limit, cursor, ...rangeOf(range, nowMicros(), DAY_MICROS) };
      const page = await reads
        .run(request, () => queries.ticks(query))
        .catch((error: unknown) => {
          throw error instanceof UsageError ? new ApiRefusal(400, error.message, { field: 'cursor' }) : error;
        });
      return toTicksAnswer(symbol, page.ticks, page.nextCursor);
    },
  );

  api.get(
    '/top',
    { schema: { ...describe('top', 'The most traded symbols of a day.', topAnswer), querystring: topRequest } },
    async (request) => {
      const principal = principalOf(request);
      const { by, limit, date = dayIn(timeZone, Date.now()) } = request.query;
      const isLimited = principal.symbols !== '*';
      const query = { day: date, by, limit: isLimited ? ALL_SYMBOLS : limit };
      const top = await reads.run(request, () => queries.top(query));
      return toTopAnswer(date, top.filter(({ symbol }) => principal.maySubscribe(symbol)).slice(0, limit));
    },
  );

  api.get(
    '/board',
    {
      schema: {
        ...describe('board', 'Every symbol: its last price, the close before a day, and that day.', boardAnswer),
        querystring: boardRequest,
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const board = await reads.run(request, () => queries.board(request.query.date));
      return toBoardAnswer({ ...board, rows: board.rows.filter(({ symbol }) => principal.maySubscribe(symbol)) });
    },
  );
}

/** OpenAPI description of a route, beside its query. */
function describe<Answer extends z.ZodType>(operationId: string, summary: string, answer: Answer) {
  return {
    operationId,
    summary,
    response: {
      200: inJson(answer, 'what was asked for'),
      400: inJson(errorAnswer, 'the request is not valid; `field` names what is wrong'),
      401: inJson(errorAnswer, 'no token, or one that is not known'),
      403: inJson(errorAnswer, 'the token does not allow that symbol, or reading at all'),
      429: inJson(errorAnswer, 'too many requests of this token are waiting; ask again after Retry-After'),
      503: inJson(errorAnswer, 'the database cannot be read now, or too much is asked; ask again after Retry-After'),
    },
  };
}

function inJson<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new ApiRefusal(401, 'a token is needed');
  return request.principal;
}

function nowMicros(): number {
  return Date.now() * 1_000;
}

/** The day of a zone at a moment, as 2025-12-01. */
function dayIn(timeZone: string, nowMs: number): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(nowMs);
}
