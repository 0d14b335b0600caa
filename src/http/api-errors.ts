import type { FastifyInstance, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { describeError, StoreSchemaError, StoreUnavailableError, UsageError } from '../errors.ts';
import { httpLogger } from '../logger.ts';
import { ApiRefusal } from './api-access.ts';
import type { ErrorAnswer } from './api-answers.ts';

const RETRY_AFTER_S = 2;

/** Answers every failure of the API as `{error, field?, remedy?}`. The database's own words are never passed on. */
export function answerApiErrors(api: FastifyInstance): void {
  api.setNotFoundHandler((_request, reply) =>
    refuse(reply, 404, { error: 'there is no such resource', remedy: 'GET /api/openapi.json lists what there is' }),
  );
  api.setErrorHandler((error, request, reply) => {
    if (error instanceof ApiRefusal) {
      if (error.statusCode === 401) reply.header('WWW-Authenticate', 'Bearer');
      if (error.statusCode === 503) reply.header('Retry-After', String(RETRY_AFTER_S));
      if (error.retryAfterS !== undefined) reply.header('Retry-After', String(error.retryAfterS));
      return refuse(reply, error.statusCode, { error: error.message, field: error.field, remedy: error.remedy });
    }
    if (hasZodFastifySchemaValidationErrors(error)) {
      return refuse(reply, 400, invalidQuery(error.validation[0]));
    }
    if (error instanceof UsageError) return refuse(reply, 400, { error: error.message, remedy: error.remedy });
    if (error instanceof StoreUnavailableError || error instanceof StoreSchemaError) {
      httpLogger.debug({ route: request.routeOptions.url, cause: describeError(error) }, 'the database cannot be read');
      reply.header('Retry-After', String(RETRY_AFTER_S));
      return refuse(reply, 503, {
        error: 'the database cannot be read now',
        remedy: error.shouldRetry()
          ? 'ask again in a few seconds; /readyz says what is down'
          : 'the operator finds the cause with `tickgate doctor`',
      });
    }
    const status = statusOf(error);
    if (status < 500) return refuse(reply, status, { error: describeError(error) });
    httpLogger.error({ err: error, route: request.routeOptions.url }, 'a request could not be answered');
    return refuse(reply, 500, { error: 'internal error' });
  });
}

function refuse(reply: FastifyReply, status: number, answer: ErrorAnswer): FastifyReply {
  return reply.code(status).header('Cache-Control', 'no-store').send(answer);
}

interface Issue {
  readonly instancePath: string;
  readonly message?: string | undefined;
  readonly params: object;
}

function invalidQuery(issue: Issue | undefined): ErrorAnswer {
  if (issue === undefined) return { error: 'not a valid request' };
  const unknown = 'keys' in issue.params && Array.isArray(issue.params.keys) ? issue.params.keys : [];
  const [name = issue.instancePath.slice(1)] = unknown.map(String);
  const what = unknown.length > 0 ? 'is not known here' : (issue.message ?? 'is not valid');
  return { error: `${name}: ${what}`, field: name };
}

/** Status that an error of Fastify carries; 500 for any other. */
export function statusOf(error: unknown): number {
  if (typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number')
    return error.statusCode;
  return 500;
}
