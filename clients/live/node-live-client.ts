import { WebSocket } from 'ws';
import { LiveClient, type LiveClientOptions } from './live-client.ts';
import type { WebSocketEvents, WebSocketPort } from './web-socket-port.ts';

const HANDSHAKE_LIMIT_MS = 10_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A live client in Node. */
export function nodeLiveClient(options: LiveClientOptions): LiveClient {
  return new LiveClient(options, openWebSocket);
}

function openWebSocket(url: string, subprotocol: string, events: WebSocketEvents): WebSocketPort {
  const socket = new WebSocket(url, [subprotocol], {
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  socket.addEventListener('message', ({ data }) => events.onMessage(data));
  // Every error is followed by a close.
  socket.addEventListener('error', () => undefined);
  socket.addEventListener('close', ({ code, reason }) => events.onClose(code, reason));
  return socket;
}
