import { StoreSchemaError, StoreUnavailableError, TickgateError, describeError } from '../errors.ts';
import type { Config } from '../config.ts';
import { PRELOAD_REMEDY } from './missing-extension.ts';
import { describePostgresAddress, postgresAddressOf, type PostgresAddress } from './postgres-address.ts';
import { sqlStateOf } from './sql-state.ts';

interface Explanation {
  readonly cause: string;
  readonly remedy: (address: PostgresAddress) => string;
}

const START = (): string =>
  'start PostgreSQL (`systemctl start postgresql`, or `tickgate stack up` for development), or set POSTGRES_HOST and POSTGRES_PORT to where it is';
const CERTIFICATE: Explanation = {
  cause: 'its certificate is not trusted',
  remedy: () => 'set POSTGRES_CA to the PEM file of the authority that signed it, or POSTGRES_SSLMODE=require',
};

/** Causes before PostgreSQL answers, by Node's error code. */
const BY_SYSTEM_CODE: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: { cause: 'nothing listens there', remedy: START },
  ENOENT: { cause: 'there is no such socket', remedy: START },
  EACCES: { cause: 'the socket may not be used by this user', remedy: () => 'run as a user who may, or use TCP' },
  ENOTFOUND: { cause: 'the host name is not known', remedy: () => 'correct POSTGRES_HOST' },
  EAI_AGAIN: {
    cause: 'the host name cannot be resolved now',
    remedy: () => 'check POSTGRES_HOST and the name server',
  },
  EHOSTUNREACH: { cause: 'the host cannot be reached', remedy: () => 'check the network and POSTGRES_HOST' },
  ENETUNREACH: { cause: 'the network cannot be reached', remedy: () => 'check the network and POSTGRES_HOST' },
  ECONNRESET: { cause: 'the connection was cut', remedy: () => 'see the log of PostgreSQL' },
  ETIMEDOUT: { cause: 'no answer', remedy: () => 'check POSTGRES_HOST, POSTGRES_PORT and firewalls' },
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  CERT_HAS_EXPIRED: { cause: 'its certificate has expired', remedy: () => 'renew the certificate of the server' },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    cause: 'its certificate is for another name',
    remedy: () => 'set POSTGRES_HOST to the name in the certificate, or POSTGRES_SSLMODE=verify-ca',
  },
};

/** Refusals of PostgreSQL while a session begins, by SQLSTATE. */
const BY_SQL_STATE: Readonly<Record<string, Explanation>> = {
  '28P01': {
    cause: 'wrong user or password',
    remedy: ({ user }) =>
      `set POSTGRES_USER and POSTGRES_PASSWORD, or set the password: psql -c "ALTER ROLE \\"${user}\\" PASSWORD '…'"`,
  },
  '28000': {
    cause: 'this user may not connect so',
    remedy: ({ user, database }) =>
      `create the user (createuser --pwprompt ${user}), or allow ${user} on ${database} in pg_hba.conf (POSTGRES_SSLMODE=require if it asks for TLS)`,
  },
  '3D000': {
    cause: 'the database does not exist',
    remedy: ({ host, port, user, database }) =>
      `create it: createdb -h ${host} -p ${port} -U ${user} ${database}   (or in psql: CREATE DATABASE ${database};)`,
  },
  '42501': {
    cause: 'this user may not connect to the database',
    remedy: ({ user, database }) => `as its owner: GRANT CONNECT ON DATABASE ${database} TO ${user};`,
  },
  '53300': { cause: 'too many connections', remedy: () => 'raise max_connections, or end connections not needed' },
  '57P03': { cause: 'it is starting or shutting down', remedy: () => 'wait a moment and try again' },
};

/** Causes that `pg` gives only in words. */
const BY_MESSAGE: ReadonlyArray<readonly [RegExp, Explanation]> = [
  [
    /timeout/i,
    { cause: 'no answer in time', remedy: () => 'check POSTGRES_HOST, POSTGRES_PORT, firewalls, and its load' },
  ],
  [
    /password must be a (non-empty )?string|client password/i,
    { cause: 'it asks for a password and none is set', remedy: () => 'set POSTGRES_PASSWORD' },
  ],
  [
    /does not support SSL/i,
    {
      cause: 'it does not speak TLS',
      remedy: () => 'set POSTGRES_SSLMODE=disable, or turn on ssl in postgresql.conf',
    },
  ],
  [
    /invalid response|unknown message|error response/i,
    { cause: 'what answers there is not PostgreSQL', remedy: () => 'correct POSTGRES_HOST and POSTGRES_PORT' },
  ],
  [
    /terminated unexpectedly|Connection terminated/i,
    {
      cause: 'the connection was closed at once',
      remedy: () => 'make sure that PostgreSQL answers there, and see its log',
    },
  ],
];

/** The error of a failed connect, with the address tried, the cause and the remedy. */
export function explainConnectError(error: unknown, config: Config): TickgateError {
  if (error instanceof TickgateError) return error;
  const address = postgresAddressOf(config);
  const explanation = explanationOf(error);
  const cause = explanation?.cause ?? describeError(error);
  const message = `Failed to connect to PostgreSQL at ${describePostgresAddress(config)}: ${cause}`;
  return new StoreUnavailableError(message, {
    remedy: explanation?.remedy(address) ?? 'check the POSTGRES_… settings and the log of PostgreSQL',
    cause: error,
  });
}

function explanationOf(error: unknown): Explanation | undefined {
  const state = sqlStateOf(error);
  if (state !== undefined) return BY_SQL_STATE[state];
  const code = systemCodeOf(error);
  const byCode = code === undefined ? undefined : BY_SYSTEM_CODE[code];
  if (byCode !== undefined) return byCode;
  const text = describeError(error);
  return BY_MESSAGE.find(([pattern]) => pattern.test(text))?.[1];
}

/** Node's code; of the several tries that a name with several addresses makes, the first one's. */
function systemCodeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return error.errors.map(systemCodeOf).find((code) => code !== undefined);
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * The error of a statement that works on the schema: rights and shapes become a {@link StoreSchemaError} with the
 * command that mends them, a lost connection a {@link StoreUnavailableError}, anything else comes back as it is.
 */
export function explainSchemaError(error: unknown, config: Config, doing: string): unknown {
  if (error instanceof TickgateError) return error;
  const { user, database } = postgresAddressOf(config);
  const state = sqlStateOf(error);
  const text = describeError(error);
  if (state === undefined) return isLostConnection(error) ? explainConnectError(error, config) : error;
  if (state === '42501')
    return new StoreSchemaError(`${doing}: ${text}`, { remedy: grantFor(text, user, database), cause: error });
  if (/must be preloaded/.test(text)) {
    return new StoreSchemaError(`${doing}: ${text}`, { remedy: PRELOAD_REMEDY, cause: error });
  }
  if (state === '42P01' || state === '42703') {
    return new StoreSchemaError(`${doing}: ${text}`, { remedy: 'run `tickgate setup-db`', cause: error });
  }
  if (state.startsWith('08') || state.startsWith('57') || state.startsWith('53')) {
    return new StoreUnavailableError(`${doing}: ${text}`, {
      remedy: 'try again when PostgreSQL is well',
      cause: error,
    });
  }
  return new StoreSchemaError(`${doing}: ${text} (SQLSTATE ${state})`, {
    remedy: 'mend what PostgreSQL names and run `tickgate setup-db` again, or set TICKS_PREFIX to a name that is free',
    cause: error,
  });
}

function isLostConnection(error: unknown): boolean {
  return systemCodeOf(error) !== undefined || /terminated|not queryable|timeout/i.test(describeError(error));
}

function grantFor(text: string, user: string, database: string): string {
  const schema = /permission denied for schema (\S+)/.exec(text)?.[1];
  if (schema !== undefined) {
    return `as the owner of the database: psql -d ${database} -c 'GRANT USAGE, CREATE ON SCHEMA ${schema} TO "${user}"'`;
  }
  const owned = /must be owner of (?:table|view|relation|hypertable) "?([^"\s]+)"?/.exec(text)?.[1];
  if (owned !== undefined) {
    return `as a superuser: psql -d ${database} -c 'ALTER TABLE ${owned} OWNER TO "${user}"'`;
  }
  const relation = /permission denied for (?:table|view|relation|sequence) "?([^"\s]+)"?/.exec(text)?.[1];
  if (relation !== undefined) {
    return `as its owner: psql -d ${database} -c 'GRANT SELECT, INSERT, UPDATE, DELETE ON ${relation} TO "${user}"'`;
  }
  if (/extension/.test(text)) {
    return `as a superuser: psql -d ${database} -c 'CREATE EXTENSION timescaledb'`;
  }
  return `as the owner of the database: psql -d ${database} -c 'GRANT ALL ON DATABASE ${database} TO "${user}"'`;
}
