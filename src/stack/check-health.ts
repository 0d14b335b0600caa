import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';

/**
 * The container's health check: exit code 0 when the gateway of this container answers /healthz with 200.
 * Reads GATEWAY_PORT and TLS_CERT as the gateway does; the certificate is our own and names another host.
 */
const port = process.env['GATEWAY_PORT'] ?? '8080';
const tls = (process.env['TLS_CERT'] ?? '') !== '';
const options = { host: '127.0.0.1', port, path: '/healthz', timeout: 3_000 };
const request = tls ? requestTls({ ...options, rejectUnauthorized: false }) : requestPlain(options);
request
  .once('response', (response) => process.exit(response.statusCode === 200 ? 0 : 1))
  .once('timeout', () => process.exit(1))
  .once('error', () => process.exit(1))
  .end();
