import { flag, integer, oneOf, optionalText, pattern, text, timeZone, type Setting } from './base/setting.ts';
import { UsageError } from './errors.ts';

/** Variables as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const KIB = 1024;
const MIB = 1024 * KIB;
const HOUR_MS = 3_600_000;

const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
/** Levels of the logger, the least first. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type SslMode = (typeof SSL_MODES)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

/** All settings, parsed and bounded. Units are in the names; meanings in the table below. */
export interface Config {
  readonly redisHost: string;
  readonly redisPort: number;
  readonly redisDb: number;
  readonly redisUrl: string | undefined;
  readonly redisUser: string | undefined;
  readonly redisPassword: string | undefined;
  readonly redisTls: boolean;
  readonly redisCa: string | undefined;
  readonly postgresHost: string;
  readonly postgresPort: number;
  readonly postgresDb: string;
  readonly postgresUser: string;
  readonly postgresPassword: string | undefined;
  readonly postgresUrl: string | undefined;
  readonly postgresSslMode: SslMode;
  readonly postgresCa: string | undefined;
  readonly gatewayHost: string;
  readonly gatewayPort: number;
  readonly gatewayTokensFile: string | undefined;
  readonly gatewayTokensGraceMs: number;
  readonly jwtJwksUrl: string | undefined;
  readonly jwtKeyFile: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string | undefined;
  readonly jwtNameClaim: string;
  readonly jwtRolesClaim: string;
  readonly jwtFeedsClaim: string | undefined;
  readonly jwtSymbolsClaim: string | undefined;
  readonly jwtClockToleranceMs: number;
  readonly jwtKeysMaxAgeMs: number;
  readonly tickgateToken: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly trustProxy: boolean;
  readonly allowedOrigins: string;
  readonly ticksPrefix: string;
  readonly barsTimeZone: string;
  readonly flushEnabled: boolean;
  readonly flushIntervalMs: number;
  readonly flushMaxTicks: number;
  readonly bufferMaxTicks: number;
  readonly resumeWindowMs: number;
  readonly resumeWindowBytes: number;
  readonly maxFeedMessageBytes: number;
  readonly maxLiveMessageBytes: number;
  readonly maxFrameTicks: number;
  readonly maxFrameDays: number;
  readonly windowFrames: number;
  readonly windowTicks: number;
  readonly takeoverIntervalMs: number;
  readonly feedRateFrames: number;
  readonly feedQueueBytes: number;
  readonly maxFeedsPerToken: number;
  readonly authDeadlineMs: number;
  readonly pingIntervalMs: number;
  readonly liveQueueBytes: number;
  readonly liveSlowMs: number;
  readonly liveMaxSymbols: number;
  readonly liveMaxFeeds: number;
  readonly liveCoalesceMs: number;
  readonly liveTurnMs: number;
  readonly liveCatchUps: number;
  readonly maxConnections: number;
  readonly feedReservePercent: number;
  readonly tokenSharePercent: number;
  readonly maxUnauthenticatedPerAddress: number;
  readonly maxConnectingPerAddress: number;
  readonly maxPlainSockets: number;
  readonly maxPlainPerAddress: number;
  readonly maxHeaderBytes: number;
  readonly headersDeadlineMs: number;
  readonly answerDeadlineMs: number;
  readonly maxAuthMessageBytes: number;
  readonly maxFragments: number;
  readonly maxControlFrames: number;
  readonly apiReadsPerToken: number;
  readonly apiWaitingPerToken: number;
  readonly apiWaiting: number;
  readonly apiUnreadBytes: number;
  readonly metricsPort: number;
  readonly retentionDays: number;
  readonly drainMs: number;
  readonly logLevel: LogLevel;
}

/** Every setting, in the order in which `tickgate --help` and the README list them. */
const SETTINGS: { readonly [Name in keyof Config]: Setting<Config[Name]> } = {
  redisHost: text('REDIS_HOST', 'localhost', 'Redis host'),
  redisPort: integer('REDIS_PORT', 6379, 1, 65_535, 'Redis port'),
  redisDb: integer('REDIS_DB', 0, 0, 65_535, 'Redis database number'),
  redisUrl: optionalText('REDIS_URL', 'redis:// or rediss:// address, instead of the parts', true),
  redisUser: optionalText('REDIS_USER', 'Redis ACL user'),
  redisPassword: optionalText('REDIS_PASSWORD', 'Redis password', true),
  redisTls: flag('REDIS_TLS', false, 'TLS to Redis'),
  redisCa: optionalText('REDIS_CA', 'certificate authority file for TLS to Redis'),
  postgresHost: text('POSTGRES_HOST', 'localhost', 'PostgreSQL host'),
  postgresPort: integer('POSTGRES_PORT', 5432, 1, 65_535, 'PostgreSQL port'),
  postgresDb: text('POSTGRES_DB', 'egx_market', 'database'),
  postgresUser: text('POSTGRES_USER', 'postgres', 'database user'),
  postgresPassword: optionalText('POSTGRES_PASSWORD', 'database password', true),
  postgresUrl: optionalText('POSTGRES_URL', 'postgres:// address, instead of the parts', true),
  postgresSslMode: oneOf('POSTGRES_SSLMODE', 'disable', SSL_MODES, 'TLS to PostgreSQL'),
  postgresCa: optionalText('POSTGRES_CA', 'certificate authority file for TLS to PostgreSQL'),
  gatewayHost: text('GATEWAY_HOST', '127.0.0.1', 'address the gateway listens on; other than loopback needs tokens'),
  gatewayPort: integer('GATEWAY_PORT', 8080, 0, 65_535, 'port the gateway listens on; 0 takes a free one'),
  gatewayTokensFile: optionalText('GATEWAY_TOKENS_FILE', 'JSON file with token hashes, roles, feeds and symbols'),
  gatewayTokensGraceMs: integer(
    'GATEWAY_TOKENS_GRACE_MS',
    10_000,
    0,
    HOUR_MS,
    'how long the last good rows count while the tokens file cannot be used; then nobody gets in',
  ),
  jwtJwksUrl: optionalText('JWT_JWKS_URL', 'keys (JWKS) of the issuer of JWTs, by https: or file:'),
  jwtKeyFile: optionalText('JWT_KEY_FILE', 'public key of the issuer (PEM, JWK or JWKS), instead of JWT_JWKS_URL'),
  jwtIssuer: optionalText('JWT_ISSUER', 'issuer that a JWT must name (iss)'),
  jwtAudience: optionalText('JWT_AUDIENCE', 'audience that a JWT must name (aud)'),
  jwtNameClaim: text('JWT_NAME_CLAIM', 'sub', 'claim with the name; a dotted one reaches into objects'),
  jwtRolesClaim: text('JWT_ROLES_CLAIM', 'roles', 'claim with the roles: feed, live, or with tickgate: before them'),
  jwtFeedsClaim: optionalText('JWT_FEEDS_CLAIM', 'claim with the feeds it may publish; unset: every feed'),
  jwtSymbolsClaim: optionalText('JWT_SYMBOLS_CLAIM', 'claim with the symbols it may see; unset: every symbol'),
  jwtClockToleranceMs: integer(
    'JWT_CLOCK_TOLERANCE_MS',
    5_000,
    0,
    300_000,
    'allowance for clocks that differ, on exp and nbf of a JWT',
  ),
  jwtKeysMaxAgeMs: integer(
    'JWT_KEYS_MAX_AGE_MS',
    HOUR_MS,
    60_000,
    24 * HOUR_MS,
    'how long the last keys count while JWT_JWKS_URL cannot be fetched; then no JWT is taken',
  ),
  tickgateToken: optionalText('TICKGATE_TOKEN', 'token with which commands speak to a gateway', true),
  tlsCert: optionalText('TLS_CERT', 'certificate file (PEM): the gateway speaks TLS'),
  tlsKey: optionalText('TLS_KEY', 'key file (PEM) of the certificate'),
  trustProxy: flag('TRUST_PROXY', false, 'take the client address from X-Forwarded-For'),
  allowedOrigins: text(
    'ALLOWED_ORIGINS',
    '',
    'browser origins that may connect, comma separated; empty: the gateway’s own',
  ),
  ticksPrefix: pattern(
    'TICKS_PREFIX',
    'egx',
    /^[a-z][a-z0-9_]{0,30}$/,
    'a lower-case name such as egx',
    'prefix of tables, keys and channels',
  ),
  barsTimeZone: timeZone('BARS_TIME_ZONE', 'Africa/Cairo', 'where a trading day begins and ends'),
  flushEnabled: flag('FLUSH_ENABLED', true, 'serve runs a flush coordinator too'),
  flushIntervalMs: integer('FLUSH_INTERVAL_MS', 100, 1, HOUR_MS, 'longest time a tick waits for a flush to begin'),
  flushMaxTicks: integer(
    'FLUSH_MAX_TICKS',
    100_000,
    1,
    5_000_000,
    'a flush begins early with so many ticks, and takes about so many',
  ),
  bufferMaxTicks: integer(
    'BUFFER_MAX_TICKS',
    5_000_000,
    1,
    1_000_000_000,
    'ticks not yet committed before feeds are paused',
  ),
  resumeWindowMs: integer(
    'RESUME_WINDOW_MS',
    60_000,
    0,
    24 * HOUR_MS,
    'how long committed ticks stay in Redis for dashboards that resume',
  ),
  resumeWindowBytes: integer('RESUME_WINDOW_BYTES', 64 * MIB, 0, 4_096 * MIB, 'how many bytes of them at the most'),
  maxFeedMessageBytes: integer('MAX_FEED_MESSAGE_BYTES', 256 * KIB, KIB, 16 * MIB, 'largest message of a feed'),
  maxLiveMessageBytes: integer('MAX_LIVE_MESSAGE_BYTES', 32 * KIB, 256, MIB, 'largest message of a dashboard'),
  maxFrameTicks: integer('MAX_FRAME_TICKS', 5_000, 1, 100_000, 'ticks a frame may hold'),
  maxFrameDays: integer('MAX_FRAME_DAYS', 366, 1, 2_000, 'days the ticks of one frame may span'),
  windowFrames: integer('WINDOW_FRAMES', 4_096, 1, 10_000_000, 'uncommitted frames of a feed before it is paused'),
  windowTicks: integer('WINDOW_TICKS', 500_000, 1, 100_000_000, 'uncommitted ticks of a feed before it is paused'),
  takeoverIntervalMs: integer(
    'TAKEOVER_INTERVAL_MS',
    5_000,
    0,
    HOUR_MS,
    'at most one take-over of a live feed in this time',
  ),
  feedRateFrames: integer(
    'FEED_RATE_FRAMES',
    0,
    0,
    10_000_000,
    'frames a second a feed connection may send; 0: no limit',
  ),
  feedQueueBytes: integer(
    'FEED_QUEUE_BYTES',
    MIB,
    16 * KIB,
    1_024 * MIB,
    'bytes of answers that a feed has not read before it is closed',
  ),
  maxFeedsPerToken: integer('MAX_FEEDS_PER_TOKEN', 100, 1, 1_000_000, 'feeds that one token may have open at once'),
  authDeadlineMs: integer('AUTH_DEADLINE_MS', 5_000, 100, HOUR_MS, 'time to authenticate'),
  pingIntervalMs: integer(
    'PING_INTERVAL_MS',
    15_000,
    100,
    HOUR_MS,
    'time between pings; two missed pongs end a connection',
  ),
  liveQueueBytes: integer(
    'LIVE_QUEUE_BYTES',
    MIB,
    16 * KIB,
    1_024 * MIB,
    'bytes queued for a dashboard before it is conflated',
  ),
  liveSlowMs: integer('LIVE_SLOW_MS', 5_000, 100, HOUR_MS, 'a dashboard whose queue stays full so long is closed'),
  liveMaxSymbols: integer('LIVE_MAX_SYMBOLS', 512, 1, 100_000, 'symbols a dashboard may name; * counts as none'),
  liveMaxFeeds: integer('LIVE_MAX_FEEDS', 100, 1, 100_000, 'feeds a dashboard may name; * counts as none'),
  liveCoalesceMs: integer('LIVE_COALESCE_MS', 9, 0, 1_000, 'longest time live ticks are gathered under load'),
  liveTurnMs: integer(
    'LIVE_TURN_MS',
    4,
    1,
    1_000,
    'longest time that requests and catch-ups of dashboards take in one turn of the event loop',
  ),
  liveCatchUps: integer('LIVE_CATCH_UPS', 16, 1, 10_000, 'dashboards that catch up at once; others wait in line'),
  maxConnections: integer('MAX_CONNECTIONS', 10_000, 1, 1_000_000, 'open sockets'),
  feedReservePercent: integer('FEED_RESERVE_PERCENT', 10, 0, 90, 'percent of them that only feeds may take'),
  tokenSharePercent: integer(
    'TOKEN_SHARE_PERCENT',
    50,
    1,
    100,
    'percent of them, and of the reserve for feeds, that one token may take',
  ),
  maxUnauthenticatedPerAddress: integer(
    'MAX_UNAUTHENTICATED_PER_ADDRESS',
    50,
    1,
    1_000_000,
    'open sockets of one address that have not authenticated',
  ),
  maxConnectingPerAddress: integer(
    'MAX_CONNECTING_PER_ADDRESS',
    1_000,
    1,
    1_000_000,
    'open sockets of one address that have not sent a request; one more cuts the oldest',
  ),
  maxPlainSockets: integer(
    'MAX_PLAIN_SOCKETS',
    4_000,
    10,
    1_000_000,
    'open sockets that are no WebSocket, or not yet; one more cuts the oldest of the address with the most',
  ),
  maxPlainPerAddress: integer(
    'MAX_PLAIN_PER_ADDRESS',
    2_000,
    1,
    1_000_000,
    'of those, sockets of one address; one more cuts its oldest',
  ),
  maxHeaderBytes: integer('MAX_HEADER_BYTES', 8 * KIB, KIB, 64 * KIB, 'largest header block of a request'),
  headersDeadlineMs: integer('HEADERS_DEADLINE_MS', 5_000, 100, HOUR_MS, 'time to send the header block'),
  answerDeadlineMs: integer(
    'ANSWER_DEADLINE_MS',
    30_000,
    100,
    HOUR_MS,
    'time in which a request is answered and its answer read',
  ),
  maxAuthMessageBytes: integer(
    'MAX_AUTH_MESSAGE_BYTES',
    4_608,
    256,
    64 * KIB,
    'largest message before authentication; four times as many bytes in all',
  ),
  maxFragments: integer('MAX_FRAGMENTS', 16, 1, 16_384, 'fragments one message may come in'),
  maxControlFrames: integer('MAX_CONTROL_FRAMES', 20, 1, 100_000, 'pings and pongs a second from one connection'),
  apiReadsPerToken: integer(
    'API_READS_PER_TOKEN',
    2,
    1,
    4,
    'reads of the database at once for API requests of one token; of four in all',
  ),
  apiWaitingPerToken: integer(
    'API_WAITING_PER_TOKEN',
    1_000,
    0,
    100_000,
    'API requests of one token that wait for one',
  ),
  apiWaiting: integer('API_WAITING', 4_000, 0, 1_000_000, 'API requests of all tokens that wait for one'),
  apiUnreadBytes: integer(
    'API_UNREAD_BYTES',
    64 * MIB,
    MIB,
    4_096 * MIB,
    'bytes of API answers that clients have not read; more cut the oldest',
  ),
  metricsPort: integer(
    'METRICS_PORT',
    0,
    0,
    65_535,
    'a port of its own for /metrics; 0: on the gateway’s port, to loopback only',
  ),
  retentionDays: integer('RETENTION_DAYS', 0, 0, 36_500, 'ticks older than this are dropped by chunk; 0: never'),
  drainMs: integer('DRAIN_MS', 10_000, 0, HOUR_MS, 'longest time a shutdown may take'),
  logLevel: oneOf('LOG_LEVEL', 'info', LOG_LEVELS, 'how much is logged'),
};

/**
 * Reads every setting from `env` once.
 * @throws {UsageError} naming the variable, its value (unless a secret) and the form that is expected
 * @example const config = loadConfig(process.env);
 */
export function loadConfig(env: Environment): Config {
  const values = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, setting]: [string, Setting<unknown>]) => [name, readSetting(setting, env)]),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name of the table has been filled
  return values as unknown as Config;
}

/**
 * `LOG_LEVEL` alone, for a program that logs before it needs the other settings.
 * @throws {UsageError} naming the variable and the choices
 */
export function loadLogLevel(env: Environment): LogLevel {
  return readSetting(SETTINGS.logLevel, env);
}

/** An empty variable counts as one that is not set. */
function readSetting<T>(setting: Setting<T>, env: Environment): T {
  const raw = env[setting.env];
  if (raw === undefined || raw === '') return setting.default;
  const value = setting.parse(raw);
  if (value !== undefined) return value;
  const given = setting.secret === true ? 'the value' : JSON.stringify(raw);
  throw new UsageError(`${setting.env}: ${given} is not ${setting.expects}`, {
    remedy: `set ${setting.env} to ${setting.expects}, or unset it (default: ${String(setting.default ?? 'none')})`,
  });
}

/** The settings table as text, for `--help` and the README. */
export function describeSettings(): ReadonlyArray<{ env: string; default: string; describe: string }> {
  return Object.values(SETTINGS).map((setting) => ({
    env: setting.env,
    default: setting.default === undefined ? '' : String(setting.default),
    describe: setting.describe,
  }));
}
