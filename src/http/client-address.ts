import type { IncomingMessage } from 'node:http';

/** The client's address: the peer's, or behind a trusted proxy the last one that the proxy added. */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = request.headers['x-forwarded-for'];
  const last = trustProxy && typeof forwarded === 'string' ? forwarded.split(',').at(-1)?.trim() : undefined;
  return last === undefined || last === '' ? (request.socket.remoteAddress ?? '') : last;
}

/** Whether a peer speaks from this machine. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
