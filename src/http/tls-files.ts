import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { describeError, UsageError } from '../errors.ts';
import { httpLogger } from '../logger.ts';

export interface TlsFileOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const SUITES: string = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Forward secrecy with every client: TLS 1.3, or 1.2 with an ephemeral key and authenticated encryption. */
export const TLS_RULES: SecureContextOptions = { minVersion: 'TLSv1.2', ciphers: SUITES, honorCipherOrder: true };

const POLL_MS = 1_000;

/**
 * Reads certificate and key, and checks that they belong together; undefined where neither is set.
 * @throws {UsageError}
 */
export function readTlsFiles({ tlsCert, tlsKey }: TlsFileOptions): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError('TLS_CERT and TLS_KEY are needed together', { remedy: 'set both, or neither' });
  }
  let files: TlsFiles;
  try {
    files = { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) };
  } catch (cause) {
    throw new UsageError(`TLS_CERT or TLS_KEY cannot be read: ${describeError(cause)}`, {
      remedy: 'name readable PEM files',
      cause,
    });
  }
  try {
    createSecureContext({ ...files, ...TLS_RULES });
  } catch (cause) {
    throw new UsageError(`TLS_CERT and TLS_KEY cannot be used: ${describeError(cause)}`, {
      remedy: 'name a certificate and its own key, both as PEM',
      cause,
    });
  }
  return files;
}

/**
 * Takes a renewed certificate without a restart. Either file may change first; while they don't fit each other, the
 * old pair stays in force.
 */
export function reloadTlsFiles(server: Server, options: TlsFileOptions): void {
  const paths = [options.tlsCert, options.tlsKey].filter((path) => path !== undefined);
  const onChange = (): void => {
    try {
      const files = readTlsFiles(options);
      // A new context begins with Node's own suites.
      if (files !== undefined) server.setSecureContext({ ...files, ...TLS_RULES });
      httpLogger.info('certificate read again');
    } catch (error) {
      httpLogger.error({ cause: describeError(error) }, 'the new certificate cannot be used yet; the old one stays');
    }
  };
  for (const path of paths) watchFile(path, { interval: POLL_MS, persistent: false }, onChange);
  server.once('close', () => {
    for (const path of paths) unwatchFile(path, onChange);
  });
}
