import type { FastifyInstance } from 'fastify';

/**
 * Headers of every answer that its route does not set otherwise: it is what its type says, nobody keeps it, and a
 * browser that shows it runs nothing in it and puts it into no frame.
 */
const SAFE_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const;

/** Adds the safe headers to all answers, errors among them; before any route is added. */
export function addSafeHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SAFE_HEADERS);
  });
}
