/**
 * Address of a WebSocket endpoint: of `http://host:port` or `ws://host:port` that of `path`; an address with a path of
 * its own keeps it.
 * @throws {TypeError} for a text that is no address
 */
export function endpointUrl(text: string, path: '/v1/feed' | '/v1/live'): string {
  const url = new URL(text);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (url.pathname === '/') url.pathname = path;
  return url.href;
}
