/** How the stack was found: given addresses, a Docker engine, or Debian packages in a folder of their own. */
export type StackWay = 'environment' | 'docker' | 'debian';

/** Where the stack's Redis and PostgreSQL answer. */
export interface StackAddresses {
  readonly redisHost: string;
  readonly redisPort: number;
  readonly postgresHost: string;
  readonly postgresPort: number;
  readonly postgresUser: string;
  readonly postgresPassword: string;
  readonly postgresDb: string;
  readonly way: StackWay;
}

/**
 * The addresses as the variables that src/config.ts reads. Addresses that came from the environment are there already
 * (maybe as URLs, with TLS): nothing is added to them.
 */
export function stackEnvironment(addresses: StackAddresses): Record<string, string> {
  if (addresses.way === 'environment') return {};
  return {
    REDIS_HOST: addresses.redisHost,
    REDIS_PORT: String(addresses.redisPort),
    POSTGRES_HOST: addresses.postgresHost,
    POSTGRES_PORT: String(addresses.postgresPort),
    POSTGRES_USER: addresses.postgresUser,
    POSTGRES_PASSWORD: addresses.postgresPassword,
    POSTGRES_DB: addresses.postgresDb,
  };
}
