import { readFileSync } from 'node:fs';
import { describeError, UsageError } from '../errors.ts';
import type { Config, SslMode } from '../config.ts';

/** Where PostgreSQL is and as whom we go there, from `POSTGRES_URL` or from the single settings. */
export interface PostgresAddress {
  /** A host name, an address, or the folder of a Unix socket (begins with `/`). */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly sslMode: SslMode;
  readonly caFile: string | undefined;
}

const SSL_MODE_BY_NAME: Readonly<Record<string, SslMode>> = {
  disable: 'disable',
  require: 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
};

const URL_REMEDY = 'write it as postgres://user:password@host:5432/database?sslmode=disable, or unset it';

/**
 * The address that `config` names. A part missing in `POSTGRES_URL` comes from its single setting.
 * @throws {UsageError} when `POSTGRES_URL` is not such an address. Its text is never printed: it may hold a password.
 */
export function postgresAddressOf(config: Config): PostgresAddress {
  const parts: PostgresAddress = {
    host: config.postgresHost,
    port: config.postgresPort,
    database: config.postgresDb,
    user: config.postgresUser,
    password: config.postgresPassword,
    sslMode: config.postgresSslMode,
    caFile: config.postgresCa,
  };
  return config.postgresUrl === undefined ? parts : { ...parts, ...partsOfUrl(config.postgresUrl) };
}

function partsOfUrl(text: string): Partial<PostgresAddress> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new UsageError('POSTGRES_URL: the value is not a postgres:// address', { remedy: URL_REMEDY });
  }
  const found: { -readonly [Part in keyof PostgresAddress]?: PostgresAddress[Part] } = {};
  const host = url.searchParams.get('host') ?? decodePart(url.hostname.replaceAll(/^\[|\]$/g, ''));
  if (host !== '') found.host = host;
  if (url.port !== '') found.port = Number(url.port);
  if (url.pathname.length > 1) found.database = decodePart(url.pathname.slice(1));
  if (url.username !== '') found.user = decodePart(url.username);
  if (url.password !== '') found.password = decodePart(url.password);
  for (const [name, value] of url.searchParams) {
    if (name === 'host') continue;
    if (name === 'sslmode') {
      const sslMode = SSL_MODE_BY_NAME[value];
      if (sslMode === undefined) {
        throw new UsageError(`POSTGRES_URL: sslmode=${value} is none of disable, require, verify-ca, verify-full`, {
          remedy: URL_REMEDY,
        });
      }
      found.sslMode = sslMode;
    } else if (name === 'sslrootcert') {
      found.caFile = value;
    } else {
      throw new UsageError(`POSTGRES_URL: the option ${name} is not known`, {
        remedy: 'leave it out: host, sslmode and sslrootcert are the options that are read',
      });
    }
  }
  return found;
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError('POSTGRES_URL: a % in it is not followed by two hexadecimal digits', {
      remedy: 'write a % that belongs to the password as %25',
    });
  }
}

/** `user@host:port/database`, never with the password. */
export function describePostgresAddress(config: Config): string {
  const { user, host, port, database } = postgresAddressOf(config);
  const displayHost = host.includes(':') ? `[${host}]` : host;
  return `${user}@${displayHost}:${port}/${database}`;
}

/** TLS options of the connection; `false` for none. */
export function tlsOptionsOf(address: PostgresAddress): false | TlsOptions {
  if (address.sslMode === 'disable') return false;
  const ca = address.caFile === undefined ? undefined : readCa(address.caFile);
  // As libpq does it: with a certificate authority at hand, require means verify-ca.
  if (address.sslMode === 'require' && ca === undefined) return { rejectUnauthorized: false };
  return {
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: true,
    ...(address.sslMode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

export interface TlsOptions {
  readonly ca?: string;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity?: () => undefined;
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`POSTGRES_CA: ${path} cannot be read: ${describeError(cause)}`, {
      remedy: 'set POSTGRES_CA to a readable PEM file of the certificate authority',
      cause,
    });
  }
}
