import type { Config } from '../config.ts';

/** Where this configuration's gateway listens, for commands that speak to it. */
export function gatewayUrl(config: Config): string {
  const anywhere = config.gatewayHost === '0.0.0.0' || config.gatewayHost === '::';
  const host = anywhere ? '127.0.0.1' : config.gatewayHost;
  const scheme = config.tlsCert === undefined ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${config.gatewayPort}`;
}
