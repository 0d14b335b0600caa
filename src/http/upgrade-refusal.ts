import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

const MAX_URL_LENGTH = 2_048;
const MAX_HEADERS = 64;

/** An upgrade that is answered with an HTTP status. */
export class UpgradeRefusal extends Error {
  override readonly name = 'UpgradeRefusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * Strict checks of an upgrade, for all that `ws` would let pass: HTTP/1.0, a body (its bytes would be read as frames), old
 * protocol versions, floods of headers, strange paths.
 * @returns the path, without the query
 * @throws {UpgradeRefusal}
 */
export function checkUpgrade(request: IncomingMessage): string {
  const { headers } = request;
  if (request.httpVersion !== '1.1') throw new UpgradeRefusal(400, 'HTTP/1.1 is needed');
  if (headers.host === undefined) throw new UpgradeRefusal(400, 'a Host header is needed');
  if (request.method !== 'GET') throw new UpgradeRefusal(405, 'GET is needed', { Allow: 'GET' });
  if (request.rawHeaders.length / 2 > MAX_HEADERS) throw new UpgradeRefusal(400, 'too many headers');
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
    throw new UpgradeRefusal(400, 'an upgrade has no body');
  }
  if (headers.upgrade?.toLowerCase() !== 'websocket') throw new UpgradeRefusal(400, 'only WebSocket upgrades');
  if (headers['sec-websocket-version'] !== '13') {
    throw new UpgradeRefusal(400, 'WebSocket version 13 is needed', { 'Sec-WebSocket-Version': '13' });
  }
  const url = request.url ?? '';
  if (url.length > MAX_URL_LENGTH) throw new UpgradeRefusal(400, 'the address is too long');
  const path = url.split('?', 1)[0] ?? '';
  if (!/^\/[\w./-]*$/.test(path) || path.includes('//')) throw new UpgradeRefusal(400, 'not a plain path');
  return path;
}

/** Answers an upgrade with a status and ends the socket. Never echoes the client's bytes. */
export function refuseUpgrade(socket: Duplex, refusal: UpgradeRefusal): void {
  if (!socket.writable) return void socket.destroy();
  const body = `${refusal.message}\n`;
  const headers = {
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...refusal.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
}
