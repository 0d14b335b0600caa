import { chmod, chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { StoreUnavailableError } from '../../src/errors.ts';
import { privateServersUnavailable, startPostgresServer } from '../support/start-private-server.ts';
import { connectPostgres, createPostgresPool } from '../../src/store/postgres-connection.ts';
import { certificatesUnavailable, makeAuthority, makeCertificate } from '../support/certificates.ts';
import { suite } from '../support/suite.ts';
import { rejectionOf, remedyOf } from './rejection.ts';

type Server = Awaited<ReturnType<typeof startPostgresServer>>;

const test = suite('TLS to PostgreSQL', {
  timeoutMs: 60_000,
  skip: privateServersUnavailable() ?? certificatesUnavailable(),
});
let folder = '';
let server: Server;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-postgres-'));
  const authority = await makeAuthority(folder);
  await makeAuthority(folder, 'stranger');
  // Good for one name of this machine and not for the other.
  await makeCertificate(folder, authority, { hosts: 'DNS:localhost' });
  server = await startPostgresServer();
  const { uid, gid } = await stat(server.dataDir);
  for (const file of ['server.crt', 'server.key']) {
    const placed = join(server.dataDir, file);
    await copyFile(join(folder, file), placed);
    await chown(placed, uid, gid);
    await chmod(placed, 0o600);
  }
  const rules = join(server.dataDir, 'pg_hba.conf');
  const nothingPlain = (await readFile(rules, 'utf8')).replaceAll(/^host\s/gm, 'hostssl ');
  // The database `postgres` stays reachable without TLS: the server's own check of itself needs it.
  await writeFile(rules, `host postgres postgres 127.0.0.1/32 scram-sha-256\n${nothingPlain}`);
  await server.restart({ ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' });
});
test.after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface TlsCase {
  readonly mode: string;
  readonly ca?: 'authority' | 'stranger';
  readonly host?: string;
  readonly database?: string;
  /** The session's `ssl`, or what the refusal says. */
  readonly expected: boolean | RegExp;
}

const CASES: readonly TlsCase[] = [
  { mode: 'disable', expected: false },
  { mode: 'disable', database: 'template1', expected: /PostgreSQL/ },
  { mode: 'require', expected: true },
  { mode: 'require', database: 'template1', expected: true },
  { mode: 'require', ca: 'authority', expected: true },
  { mode: 'require', ca: 'stranger', expected: /certificate/ },
  { mode: 'verify-ca', expected: /certificate/ },
  { mode: 'verify-ca', ca: 'authority', host: '127.0.0.1', expected: true },
  { mode: 'verify-ca', ca: 'stranger', expected: /certificate/ },
  { mode: 'verify-full', ca: 'authority', expected: true },
  { mode: 'verify-full', ca: 'authority', host: '127.0.0.1', expected: /certificate/ },
  { mode: 'verify-full', ca: 'stranger', expected: /certificate/ },
];
for (const { mode, ca, host = 'localhost', database = 'postgres', expected } of CASES) {
  const name = `sslmode ${mode}${ca === undefined ? '' : ` with the ${ca}’s certificate`} to ${host}/${database}`;
  for (const asUrl of [false, true]) {
    test(`${name}${asUrl ? ', by POSTGRES_URL' : ''}: ${String(expected)}`, async () => {
      const caFile = ca === undefined ? '' : join(folder, `${ca}.crt`);
      const root = caFile === '' ? '' : `&sslrootcert=${encodeURIComponent(caFile)}`;
      const config = loadConfig(
        asUrl
          ? {
              POSTGRES_URL: `postgres://postgres:${server.password}@${host}:${server.port}/${database}?sslmode=${mode}${root}`,
            }
          : {
              POSTGRES_HOST: host,
              POSTGRES_PORT: String(server.port),
              POSTGRES_DB: database,
              POSTGRES_PASSWORD: server.password,
              POSTGRES_SSLMODE: mode,
              POSTGRES_CA: caFile,
            },
      );
      if (typeof expected !== 'boolean') {
        const error = await rejectionOf(connectPostgres(config));
        assert.instance(error, StoreUnavailableError);
        assert.match(error.message, expected);
        assert.match(remedyOf(error), /\S/);
        return;
      }
      const client = await connectPostgres(config);
      const { rows } = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      await client.end();
      assert.is(rows[0]?.ssl, expected);
    });
  }
}

test('the pool speaks TLS too', async () => {
  const config = loadConfig({
    POSTGRES_HOST: 'localhost',
    POSTGRES_PORT: String(server.port),
    POSTGRES_DB: 'template1',
    POSTGRES_PASSWORD: server.password,
    POSTGRES_SSLMODE: 'verify-full',
    POSTGRES_CA: join(folder, 'authority.crt'),
  });
  const pool = createPostgresPool(config);
  const { rows } = await pool.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  await pool.end();
  assert.is(rows[0]?.ssl, true);
});
