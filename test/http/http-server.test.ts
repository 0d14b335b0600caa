import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { UsageError } from '../../src/errors.ts';
import { createHttpServer } from '../../src/http/http-server.ts';
import { setLogLevel } from '../../src/logger.ts';
import { StrangerSocket } from '../bad-input/stranger-socket.ts';
import { certificatesUnavailable, makeAuthority, makeCertificate } from '../support/certificates.ts';
import { suite } from '../support/suite.ts';
import { until } from '../support/test-market.ts';

const test = suite('HTTP server with TLS', { timeoutMs: 30_000, skip: certificatesUnavailable() });
let folder = '';
let cert = '';
let key = '';
test.before(async () => {
  setLogLevel('silent');
  folder = await mkdtemp(join(tmpdir(), 'tickgate-tls-'));
  const authority = await makeAuthority(folder);
  for (const name of ['first', 'second']) await makeCertificate(folder, authority, { name });
  cert = join(folder, 'in-use.crt');
  key = join(folder, 'in-use.key');
});
test.before.each(() => use('first'));
test.after(() => rm(folder, { recursive: true }));

async function use(name: string): Promise<void> {
  await copyFile(join(folder, `${name}.crt`), cert);
  await copyFile(join(folder, `${name}.key`), key);
}

async function listen(env: Record<string, string> = {}): Promise<{ app: FastifyInstance; port: number }> {
  const app = createHttpServer(loadConfig({ TLS_CERT: cert, TLS_KEY: key, ...env }));
  app.get('/healthz', () => ({ status: 'ok' }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, port: Number(new URL(url).port) };
}

/** Name on the certificate that the server shows now. */
function shownName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      const { CN: name } = socket.getPeerCertificate().subject;
      socket.destroy();
      resolve(typeof name === 'string' ? name : '');
    });
    socket.once('error', reject);
  });
}

test('a renewed certificate is shown without a restart', async () => {
  const { app, port } = await listen();
  assert.is(await shownName(port), 'first');
  await use('second');
  await until('the second one is shown', async () => (await shownName(port)) === 'second');
  await app.close();
});

test('certificate first and key a while later: the old pair serves meanwhile, then the new one', async () => {
  const { app, port } = await listen();
  await copyFile(join(folder, 'second.crt'), cert);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.is(await shownName(port), 'first');
  await copyFile(join(folder, 'second.key'), key);
  await until('the second one is shown', async () => (await shownName(port)) === 'second');
  await app.close();
});

test('a handshake that never comes, and bytes that are none, end at the deadline or before', async () => {
  const { app, port } = await listen({ HEADERS_DEADLINE_MS: '500' });
  using silent = await StrangerSocket.connect(port);
  using plain = await StrangerSocket.connect(port);
  plain.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.ok((await plain.until(({ isEnded }) => isEnded)).isEnded);
  assert.ok((await silent.until(({ isEnded }) => isEnded)).isEnded);
  await app.close();
});

test('more handshakes under way from one address than may be: the oldest is cut, and a client gets through', async () => {
  const { app, port } = await listen({ MAX_CONNECTING_PER_ADDRESS: '3' });
  const strangers: StrangerSocket[] = [];
  for (let at = 0; at < 3; at++) strangers.push(await StrangerSocket.connect(port));
  assert.is(await shownName(port), 'first');
  assert.ok((await strangers[0]?.until(({ isEnded }) => isEnded, 2_000))?.isEnded);
  assert.equal(
    strangers.map(({ answers }) => answers.isEnded),
    [true, false, false],
  );
  for (const stranger of strangers) stranger.socket.destroy();
  await app.close();
});

/** Suite that a client which knows only those of `offer` gets; undefined where the server has none of them. */
function suiteOf(port: number, offer: object): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...offer }, () => {
      resolve(socket.getCipher().name);
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
  });
}

const OFFERS: ReadonlyArray<readonly [offer: object, isTaken: boolean]> = [
  [{ maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }, false],
  [{ maxVersion: 'TLSv1.2', ciphers: 'AES256-SHA256' }, false],
  [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA' }, false],
  [{ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' }, false],
  [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' }, true],
  [{ minVersion: 'TLSv1.3' }, true],
];
test('suites in force, also after a renewal of the certificate: those with forward secrecy and no others', async () => {
  const { app, port } = await listen();
  for (const name of ['first', 'second']) {
    await use(name);
    await until('that certificate is shown', async () => (await shownName(port)) === name);
    for (const [offer, isTaken] of OFFERS) {
      assert.is((await suiteOf(port, offer)) !== undefined, isTaken, JSON.stringify(offer));
    }
  }
  await app.close();
});

const REFUSED: ReadonlyArray<readonly [name: string, env: () => Record<string, string>]> = [
  ['a certificate without its key', () => ({ TLS_KEY: '' })],
  ['a key without its certificate', () => ({ TLS_CERT: '' })],
  ['a file that is missing', () => ({ TLS_CERT: join(folder, 'nowhere') })],
  ['a file that is no PEM', () => ({ TLS_CERT: new URL(import.meta.url).pathname })],
  ['a certificate and another’s key', () => ({ TLS_KEY: join(folder, 'second.key') })],
];
for (const [name, env] of REFUSED) {
  test(`${name} is refused at the start`, () => {
    assert.throws(
      () => createHttpServer(loadConfig({ TLS_CERT: cert, TLS_KEY: key, ...env() })),
      (error: unknown) => error instanceof UsageError && /TLS_(CERT|KEY)/.test(error.message),
    );
  });
}

const HOSTS: ReadonlyArray<readonly [host: string, tokens: string, status: number]> = [
  ['localhost:8080', '', 200],
  ['[::1]:8080', '', 200],
  ['evil.test', '', 403],
  ['127.0.0.1.evil.test', '', 403],
  ['gateway.test', 'tokens.json', 200],
];
for (const [host, tokens, status] of HOSTS) {
  test(`${tokens === '' ? 'without' : 'with'} tokens, Host ${host}: ${status}`, async () => {
    const app = createHttpServer(loadConfig({ GATEWAY_TOKENS_FILE: tokens }));
    app.get('/healthz', () => ({ status: 'ok' }));
    const answer = await app.inject({ url: '/healthz', headers: { host } });
    assert.is(answer.statusCode, status);
    await app.close();
  });
}
