import type { FastifyRequest } from 'fastify';
import { isLoopback, isLoopbackHost } from './client-address.ts';

/** Headers of proxies: behind one on this machine every client would seem to speak from loopback. */
const PROXY_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'];

/**
 * Whether a program on this machine asks, by a name of this machine: a browser page here, whose name was pointed at us
 * (DNS rebinding), comes with a `Host` of its own.
 */
export function isLocalRequest({ headers, raw }: FastifyRequest): boolean {
  if (PROXY_HEADERS.some((name) => headers[name] !== undefined)) return false;
  return isLoopback(raw.socket.remoteAddress) && isLoopbackHost(headers.host ?? '');
}
