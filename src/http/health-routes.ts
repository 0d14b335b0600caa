import type { FastifyInstance } from 'fastify';

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

/** `/healthz`: the process lives. `/readyz`: it can do its work, and how well it can keep its promise. */
export function addHealthRoutes(app: FastifyInstance, readiness: () => Readiness): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const { dependencies, durabilityWarnings } = readiness();
    const isReady = Object.values(dependencies).every((each) => each.ok);
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ready' : 'not ready', dependencies, weaknesses: durabilityWarnings });
  });
}
