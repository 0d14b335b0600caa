import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why certificates cannot be made here; undefined when they can. For `suite(name, { skip: … })`. */
export function certificatesUnavailable(): string | undefined {
  return spawnSync('openssl', ['version']).status === 0 ? undefined : 'needs openssl to make certificates';
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate authority of its own in `folder`. */
export async function makeAuthority(folder: string, name = 'authority'): Promise<CertificateFiles> {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const subject = ['-subj', `/CN=${name}`, '-days', '2'];
  await run('openssl', ['req', '-x509', ...NEW_KEY, '-keyout', files.key, '-out', files.cert, ...subject]);
  return files;
}

/** Makes a server's certificate for `hosts` (as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`). */
export async function makeCertificate(
  folder: string,
  authority: CertificateFiles,
  options: { readonly name?: string; readonly hosts?: string } = {},
): Promise<CertificateFiles> {
  const { name = 'server', hosts = 'DNS:localhost,IP:127.0.0.1' } = options;
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const signed = ['-CA', authority.cert, '-CAkey', authority.key, '-days', '2'];
  const named = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${hosts}`, '-addext', 'basicConstraints=CA:FALSE'];
  await run('openssl', ['req', '-x509', ...NEW_KEY, '-keyout', files.key, '-out', files.cert, ...named, ...signed]);
  return files;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-batch'];
