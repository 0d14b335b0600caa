import { LiveClient, type LiveClientOptions } from './live-client.ts';
import type { WebSocketEvents, WebSocketPort } from './web-socket-port.ts';

/** A live client in a browser, or wherever `WebSocket` is a global. */
export function browserLiveClient(options: LiveClientOptions): LiveClient {
  return new LiveClient(options, openWebSocket);
}

function openWebSocket(url: string, subprotocol: string, events: WebSocketEvents): WebSocketPort {
  const socket = new WebSocket(url, [subprotocol]);
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => events.onMessage(data));
  socket.addEventListener('close', ({ code, reason }) => events.onClose(code, reason));
  return socket;
}
