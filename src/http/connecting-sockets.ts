import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { addressKey } from './client-address.ts';

/**
 * Bounds the sockets of one address that have not sent a whole request yet: they cost memory and nothing authenticates
 * them. More are cut at once. Their time is bounded by the header deadline.
 */
export function boundConnectingSockets(server: Server, maxPerAddress: number): void {
  const counts = new Map<string, number>();
  /** By peer, since a request under TLS knows its peer but not the TCP socket. */
  const connecting = new Map<string, string>();

  const leave = (peer: string): void => {
    const address = connecting.get(peer);
    if (address === undefined) return;
    connecting.delete(peer);
    const count = (counts.get(address) ?? 0) - 1;
    if (count > 0) counts.set(address, count);
    else counts.delete(address);
  };
  const onRequest = (request: IncomingMessage): void => leave(peerOf(request.socket));

  server.on('connection', (socket: Socket) => {
    const address = addressKey(socket.remoteAddress ?? '');
    const count = counts.get(address) ?? 0;
    if (count >= maxPerAddress) {
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    counts.set(address, count + 1);
    connecting.set(peer, address);
    socket.once('close', () => leave(peer));
  });
  server.on('request', onRequest);
  server.prependListener('upgrade', onRequest);
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}
