import type { FastifyInstance } from 'fastify';
import type { AccessTokens } from './access-tokens.ts';
import { hasToken } from './api-access.ts';
import { isLocalRequest } from './local-request.ts';

/** State of one thing the gateway depends on. */
export interface DependencyHealth {
  readonly ok: boolean;
  readonly detail: string;
}

export interface Readiness {
  readonly dependencies: Readonly<Record<string, DependencyHealth>>;
  /** Weak points of durability, one sentence each. */
  readonly durabilityWarnings: readonly string[];
}

/**
 * `/healthz`: the process lives. `/readyz`: it can do its work; how well it can keep its promise, and what is missing
 * where, is for programs on this machine and for whoever has a token.
 */
export function addHealthRoutes(
  app: FastifyInstance,
  readiness: () => Readiness,
  tokens: Pick<AccessTokens, 'isOpen' | 'authenticate'>,
): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (request, reply) => {
    const { dependencies, durabilityWarnings } = readiness();
    const isReady = Object.values(dependencies).every((each) => each.ok);
    const status = isReady ? 'ready' : 'not ready';
    const mayKnow = isLocalRequest(request) || (await hasToken(request, tokens));
    const details = mayKnow ? { dependencies, weaknesses: durabilityWarnings } : {};
    return reply.code(isReady ? 200 : 503).send({ status, ...details });
  });
}
