import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import * as assert from 'uvu/assert';
import { redisOptions } from '../../src/buffer/redis-options.ts';
import { loadConfig } from '../../src/config.ts';
import { UsageError } from '../../src/errors.ts';
import { findFreePort } from '../../src/stack/free-port.ts';
import type { PrivateServer } from '../support/private-server.ts';
import { privateServersUnavailable, startRedisServer } from '../support/start-private-server.ts';
import { certificatesUnavailable, makeAuthority, makeCertificate } from '../support/certificates.ts';
import { GatewayUnderTest } from '../bad-input/gateway-under-test.ts';
import { InnocentFeed } from '../bad-input/innocent-feed.ts';
import { suite } from '../support/suite.ts';

const PASSWORD = 'p@ss/word%';
/** What a Redis user needs for Tickgate, as the ACL of src/commands/README.md says it. */
const RIGHTS = '-@all +@read +@write +@connection +@pubsub +@scripting +@transaction +info';

const test = suite('access to Redis', {
  timeoutMs: 60_000,
  skip: privateServersUnavailable() ?? certificatesUnavailable(),
});
let folder = '';
let redis: PrivateServer;
let tlsPort = 0;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickgate-redis-'));
  const authority = await makeAuthority(folder);
  await makeAuthority(folder, 'stranger');
  const { cert, key } = await makeCertificate(folder, authority);
  tlsPort = await findFreePort();
  redis = await startRedisServer();
  await copyFile(cert, join(redis.dataDir, 'redis.crt'));
  await copyFile(key, join(redis.dataDir, 'redis.key'));
  for (const file of ['redis.crt', 'redis.key']) await chmod(join(redis.dataDir, file), 0o644);
  await redis.restart({
    'tls-port': String(tlsPort),
    'tls-cert-file': '/srv/redis.crt',
    'tls-key-file': '/srv/redis.key',
    'tls-auth-clients': 'no',
  });
});
test.after(async () => {
  await redis[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function withAdmin(work: (admin: Redis) => Promise<void>): Promise<void> {
  const admin = new Redis({ port: redis.port, host: '127.0.0.1' });
  try {
    await work(admin);
  } finally {
    admin.disconnect();
  }
}

const overTls = (changes: Record<string, string> = {}): Record<string, string> => ({
  REDIS_URL: '',
  REDIS_HOST: 'localhost',
  REDIS_PORT: String(tlsPort),
  REDIS_TLS: 'true',
  REDIS_CA: join(folder, 'authority.crt'),
  ...changes,
});

/** PONG, or the refusal's text. */
async function ping(env: Record<string, string>): Promise<string> {
  const client = new Redis(redisOptions(loadConfig(env), 'write', 2_000));
  let lastError = '';
  client.on('error', (error: Error) => (lastError = error.message));
  try {
    await client.connect();
    return await client.ping();
  } catch (error) {
    return lastError === '' ? String(error) : lastError;
  } finally {
    client.disconnect();
  }
}

test('TLS with the authority’s certificate', async () => {
  assert.is(await ping(overTls()), 'PONG');
  assert.is(
    await ping({ REDIS_URL: `rediss://127.0.0.1:${tlsPort}/0`, REDIS_CA: join(folder, 'authority.crt') }),
    'PONG',
  );
});

test('TLS with another authority’s certificate, or with those of the system, is refused', async () => {
  assert.match(await ping(overTls({ REDIS_CA: join(folder, 'stranger.crt') })), /certificate/);
  assert.match(await ping(overTls({ REDIS_CA: '' })), /certificate/);
});

test('no TLS to a port that speaks it fails, and the other way round', async () => {
  assert.not.match(await ping(overTls({ REDIS_TLS: 'false', REDIS_CA: '' })), /PONG/);
  assert.not.match(await ping(overTls({ REDIS_PORT: String(redis.port) })), /PONG/);
});

test('a CA file that cannot be read is a wrong setting', () => {
  assert.throws(
    () => redisOptions(loadConfig(overTls({ REDIS_CA: '/nonexistent/ca.pem' })), 'write', 1_000),
    (error: unknown) => error instanceof UsageError && /REDIS_CA/.test(error.message),
  );
});

test('an ACL user with only what Tickgate needs: a feed is opened, buffered and committed, over TLS', async () => {
  const environment = overTls({ REDIS_USER: 'tickgate', REDIS_PASSWORD: PASSWORD });
  await withAdmin(async (admin) => {
    const rules = ['on', `>${PASSWORD}`, 'resetkeys', '~{t*}:*', 'resetchannels', '&{t*}:*', ...RIGHTS.split(' ')];
    await admin.call('ACL', 'SETUSER', 'tickgate', ...rules);
  });
  await using subject = await GatewayUnderTest.start(environment);
  const feed = new InnocentFeed(subject);
  for (let at = 0; at < 20; at++) await feed.publish();
  await feed.assertUnharmed();
  await feed.close();
});

test('wrong password and unknown user are refused; a password may hold any character', async () => {
  const user = { REDIS_USER: 'tickgate' };
  assert.is(await ping(overTls({ ...user, REDIS_PASSWORD: PASSWORD })), 'PONG');
  const encoded = encodeURIComponent(PASSWORD);
  assert.is(
    await ping({
      REDIS_URL: `rediss://tickgate:${encoded}@localhost:${tlsPort}`,
      REDIS_CA: join(folder, 'authority.crt'),
    }),
    'PONG',
  );
  assert.match(await ping(overTls({ ...user, REDIS_PASSWORD: 'wrong' })), /WRONGPASS/);
  assert.match(await ping(overTls({ REDIS_USER: 'nobody', REDIS_PASSWORD: PASSWORD })), /WRONGPASS/);
});
