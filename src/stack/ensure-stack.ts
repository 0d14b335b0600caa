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
export interface EnsureStackOptions {
  readonly onProgress?: (line: string) => void;
}
/** Brings the stack up, or finds it up. */
export function ensureStack(_options: EnsureStackOptions = {}): Promise<StackAddresses> {
  return Promise.reject(new Error('the stack is not built yet: run the tests with --no-stack'));
}
/** The addresses as the variables that src/config.ts reads. */
export function stackEnvironment(addresses: StackAddresses): Record<string, string> {
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
