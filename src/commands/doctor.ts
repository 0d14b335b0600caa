import { accessSync, constants } from 'node:fs';
import type { Command } from 'commander';
import type { Redis } from 'ioredis';
import { bufferKeys } from '../buffer/keys.ts';
import { RedisLink } from '../buffer/redis-link.ts';
import { describeRedisAddress, redisDatabase, redisOptions } from '../buffer/redis-options.ts';
import { loadConfig, type Config } from '../config.ts';
import { describeError } from '../errors.ts';
import { diagnoseStore, failed, type Finding } from '../store/diagnose-store.ts';
import { diagnoseAccess } from './diagnose-access.ts';
import { print } from './terminal.ts';

const REDIS_TIMEOUT_MS = 5_000;
/** XTRIM MINID. */
const MIN_REDIS = [6, 2] as const;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'checks Redis, TimescaleDB and settings, with what mends each; exit code 1 when something will not work',
    )
    .action(async (_options: unknown, command: Command) => {
      const config = loadConfig(process.env);
      const [access, redis, store] = await Promise.all([
        diagnoseAccess(config),
        diagnoseRedis(config),
        diagnoseStore(config),
      ]);
      const findings = [...diagnoseSettings(config), ...access, ...redis, ...store];
      const isFailed = findings.some((finding) => finding.state === 'fail');
      if (isFailed) process.exitCode = 1;
      print(command, describe(findings), { ok: !isFailed, findings });
    });
}

function describe(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const marks = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;
  const lines = findings.flatMap(({ name, state, finding, remedy }) => [
    `${marks[state]}  ${name.padEnd(width)}  ${finding}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(width + 8)}→ ${remedy}`]),
  ]);
  const count = (state: Finding['state']): number => findings.filter((finding) => finding.state === state).length;
  const summary = count('fail') > 0 ? `${count('fail')} will not work` : 'everything works';
  return [...lines, count('warn') > 0 ? `${summary}, ${count('warn')} warnings` : summary].join('\n');
}

function diagnoseSettings(config: Config): readonly Finding[] {
  const findings: Finding[] = [];
  const files = {
    TLS_CERT: config.tlsCert,
    TLS_KEY: config.tlsKey,
    REDIS_CA: config.redisCa,
    POSTGRES_CA: config.postgresCa,
  };
  for (const [name, path] of Object.entries(files)) {
    if (path === undefined) continue;
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      findings.push({
        name,
        state: 'fail',
        finding: describeError(error),
        remedy: `set ${name} to a file this user may read`,
      });
    }
  }
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    findings.push({
      name: 'TLS',
      state: 'fail',
      finding: 'only one of TLS_CERT and TLS_KEY is set',
      remedy: 'set both, or none',
    });
  }
  if (findings.length === 0)
    findings.push({ name: 'settings', state: 'ok', finding: `gateway on ${config.gatewayHost}` });
  return findings;
}

/** Checks Redis and everything the buffer needs of it. Never throws: a failure is a finding. */
async function diagnoseRedis(config: Config): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let link: RedisLink | undefined;
  try {
    const address = describeRedisAddress(config);
    link = new RedisLink({ redis: redisOptions(config, 'doctor', REDIS_TIMEOUT_MS), role: 'doctor', address });
    await link.connect();
    const { version, maxmemoryPolicy, appendOnly } = link.facts;
    findings.push(versionFinding(version, address), policyFinding(maxmemoryPolicy), appendOnlyFinding(appendOnly));
    findings.push(...(await roleFindings(link.client)), ...(await legacyListFindings(link.client, config)));
  } catch (error) {
    findings.push(failed('Redis', error));
  } finally {
    await link?.close();
  }
  return findings;
}

function versionFinding(version: string, address: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const finding = `${version} at ${address}`;
  if (major > MIN_REDIS[0] || (major === MIN_REDIS[0] && minor >= MIN_REDIS[1])) {
    return { name: 'Redis', state: 'ok', finding };
  }
  return { name: 'Redis', state: 'fail', finding, remedy: `use Redis ${MIN_REDIS.join('.')} or later` };
}

function policyFinding(policy: string): Finding {
  if (policy === 'noeviction') return { name: 'maxmemory-policy', state: 'ok', finding: policy };
  return {
    name: 'maxmemory-policy',
    state: 'fail',
    finding: `${policy}: Redis may evict ticks that nobody has stored`,
    remedy: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  };
}

function appendOnlyFinding(isOn: boolean): Finding {
  if (isOn) return { name: 'appendonly', state: 'ok', finding: 'on' };
  return {
    name: 'appendonly',
    state: 'warn',
    finding:
      'off: a restart of Redis loses what is not committed; feeds send it again, single ticks of buffer-tick are lost',
    remedy: 'redis-cli CONFIG SET appendonly yes, and the same in redis.conf',
  };
}

async function roleFindings(client: Redis): Promise<readonly Finding[]> {
  const isReplica = /^role:slave/m.test(await client.info('replication'));
  if (!isReplica) return [];
  return [
    {
      name: 'Redis',
      state: 'fail',
      finding: 'it is a replica and takes no writes',
      remedy: 'set REDIS_HOST to the primary',
    },
  ];
}

/** Ticks of the Python script that Tickgate replaces, still waiting in its list. */
async function legacyListFindings(client: Redis, config: Config): Promise<readonly Finding[]> {
  const { legacyList } = bufferKeys(config.ticksPrefix, redisDatabase(config));
  if ((await client.type(legacyList)) !== 'list') return [];
  const ticks = await client.llen(legacyList);
  return [
    {
      name: 'old buffer',
      state: 'warn',
      finding: `${ticks} ticks of the earlier Python script lie in the list ${legacyList}; Tickgate does not read it`,
      remedy: `flush them with that script (realtime_redis_timescaledb.py --flush), or drop them: redis-cli DEL ${legacyList}`,
    },
  ];
}
