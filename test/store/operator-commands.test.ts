import { Redis } from 'ioredis';
import { pack } from 'msgpackr';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { bufferKeys } from '../../src/buffer/keys.ts';
import { redisDatabase, redisOptions } from '../../src/buffer/redis-options.ts';
import { describeRaw } from '../../src/commands/rejected.ts';
import { suite } from '../support/suite.ts';
import { insertTicks } from './batches.ts';
import { openFreshDatabase, type FreshDatabase } from './fresh-database.ts';
import { runOperatorCommand, type Outcome } from './run-operator-command.ts';

const test = suite('operators’ commands');
/** 2025-12-01T08:00:00Z */
const START = 1_764_576_000_000_000;
let database: FreshDatabase;
test.before(async () => {
  database = await openFreshDatabase();
  await database.client.query(`
    INSERT INTO egx_feed_watermarks (feed, seq, generation, writer) VALUES
      ('egx-main', 9007199254740991, 'g1', 'w1'), ('~cli-1', 1, 'g2', '');
    INSERT INTO egx_feed_gaps (feed, after_seq, next_seq) VALUES ('egx-main', 5, 9), ('other', 1, 2);`);
  await database.client.query(
    `INSERT INTO egx_ticks_rejected (feed, seq, idx, reason, raw) VALUES
       ('egx-main', 7, 3, 'volume_not_integer', $1), ('egx-main', 8, 0, 'price_invalid', $2), ('other', 1, 0, 'symbol_invalid', $3)`,
    [pack(['EXPA', 10.5, 1.5, START]), Buffer.from('["COMI",-1,5]'), Buffer.from('93a141', 'hex')],
  );
});
test.after(() => database.close());

function run(args: readonly string[], changes: Record<string, string> = {}): Promise<Outcome> {
  return runOperatorCommand(args, { ...database.environment, ...changes });
}

async function runJson(
  args: readonly string[],
  changes: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await run([...args, '--json'], changes);
  const line = stdout.trim();
  assert.ok(!line.includes('\n') && line !== '', `one line of JSON, not ${JSON.stringify(stdout)} ${stderr}`);
  return z.record(z.string(), z.unknown()).parse(JSON.parse(line));
}

test('setup-db names what it made, the second time nothing', async () => {
  const first = await run(['setup-db'], { TICKS_PREFIX: 'other' });
  assert.is(first.code, 0, first.stderr);
  assert.match(
    first.stdout,
    /^ready: \S+, PostgreSQL \S+, TimescaleDB \S+ (Apache|Community) edition .*: made 001_ticks, .*views \(days in Africa\/Cairo\)\n$/,
  );
  assert.match((await run(['setup-db'], { TICKS_PREFIX: 'other' })).stdout, /: nothing to do\n$/);
  assert.equal((await runJson(['setup-db']))['applied'], []);
});

test('feeds: the largest seq stays exact; feeds of one-off publishers come last', async () => {
  const { stdout } = await run(['feeds']);
  const [first, second] = stdout.split('\n');
  assert.match(first ?? '', /^egx-main +committed 9007199254740991 .* writer w1 .* generation g1$/);
  assert.match(second ?? '', /^~cli-1 .*writer -/);
  const shown = z.array(z.object({ feed: z.string(), seq: z.number() })).parse((await runJson(['feeds']))['feeds']);
  assert.equal(shown, [
    { feed: 'egx-main', seq: 9_007_199_254_740_991 },
    { feed: '~cli-1', seq: 1 },
  ]);
});

test('feeds --reset asks first, then forgets', async () => {
  const asked = await run(['feeds', '--reset', '~cli-1']);
  assert.is(asked.code, 2);
  assert.match(asked.stderr, /would forget how far ~cli-1 is committed.*--reset ~cli-1 --yes/);
  assert.is((await database.client.query('SELECT FROM egx_feed_watermarks')).rowCount, 2);
  const done = await run(['feeds', '--reset', '~cli-1', '--yes']);
  assert.is(done.code, 0, done.stderr);
  assert.match(done.stdout, /forgot that it was committed up to 1; .*stored again/);
  const { rows } = await database.client.query('SELECT feed FROM egx_feed_watermarks');
  assert.equal(rows, [{ feed: 'egx-main' }]);
  assert.is((await run(['feeds', '--reset', '~cli-1', '--yes'])).code, 2);
});

test('rejected shows each tick as it came, latest first', async () => {
  const { stdout } = await run(['rejected']);
  const [head, ...lines] = stdout.trim().split('\n');
  assert.is(head, '3 rejected ticks:');
  assert.match(lines[0] ?? '', /other seq 1 tick 0 {2}symbol_invalid {2}0x93a141$/);
  assert.match(lines[1] ?? '', /egx-main seq 8 tick 0 {2}price_invalid {2}\["COMI",-1,5\]$/);
  assert.match(
    lines[2] ?? '',
    /egx-main seq 7 tick 3 {2}volume_not_integer {2}\["EXPA",10\.5,1\.5,1764576000000000\]$/,
  );
  assert.match(
    (await run(['rejected', '--feed', 'egx-main', '--limit', '1'])).stdout,
    /^2 rejected ticks, the latest 1:\n.*seq 8/,
  );
  assert.is((await runJson(['rejected', '--feed', 'nobody']))['total'], 0);
});

test('gaps', async () => {
  assert.match((await run(['gaps', '--feed', 'egx-main'])).stdout, /^1 gaps:\n\S+ {2}egx-main {2}after 5 up to 9\n$/);
  const rows = z.array(z.object({ feed: z.string(), afterSeq: z.number(), nextSeq: z.number() }));
  assert.equal(rows.parse((await runJson(['gaps', '--limit', '1']))['gaps']), [
    { feed: 'other', afterSeq: 1, nextSeq: 2 },
  ]);
});

test('rebuild-bars says how many minutes changed and how many are ambiguous', async () => {
  const tick = { symbol: 'COMI', timeMicros: START, volume: 1 };
  await insertTicks(database.client, 'egx', [
    { ...tick, price: 1 },
    { ...tick, price: 2 },
  ]);
  const { stdout } = await run(['rebuild-bars', '--from', '2025-12-01', '--to', '2025-12-01']);
  assert.match(stdout, /^1 minutes have ticks: 1 bars changed; 1 ambiguous .*, 0 of them kept as stored\n$/);
  assert.equal(await runJson(['rebuild-bars']), { minutes: 1, changed: 0, ambiguous: 1, kept: 1, deleted: 0 });
});

const WRONG: ReadonlyArray<{
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly says: RegExp;
}> = [
  { args: ['rejected', '--limit', '0'], says: /--limit: "0" is not a whole number/ },
  { args: ['gaps', '--limit', '1e3'], says: /--limit: "1e3" is not a whole number/ },
  { args: ['rebuild-bars', '--from', '2025-02-30T'], says: /--from: "2025-02-30T" is neither a day nor a time/ },
  { args: ['rebuild-bars', '--to', '2025-02-30'], says: /2025-02-30/ },
  { args: ['setup-db'], env: { TICKS_PREFIX: 'x; DROP' }, says: /TICKS_PREFIX: "x; DROP" is not/ },
  { args: ['feeds'], env: { POSTGRES_SSLMODE: 'maybe' }, says: /POSTGRES_SSLMODE: "maybe" is not one of/ },
];
for (const { args, env, says } of WRONG) {
  test(`refuses ${args.join(' ')} ${JSON.stringify(env ?? {})} in one line, exit code 2`, async () => {
    const outcome = await run(args, env);
    assert.match(outcome.stderr, says);
    assert.is(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
    assert.match(outcome.stderr, /Remedy: \S/);
    assert.equal([outcome.code, outcome.stdout], [2, '']);
  });
}

test('doctor finds everything well', async () => {
  const report = await runJson(['doctor']);
  assert.is(report['ok'], true, JSON.stringify(report));
});

test('doctor names what will not work, with the remedy, and fails', async (context) => {
  if (database.config.postgresUrl !== undefined) context.skip('POSTGRES_URL names the port');
  const outcome = await run(['doctor'], {
    POSTGRES_PORT: '1',
    GATEWAY_HOST: '0.0.0.0',
    TLS_CERT: '/nonexistent/cert.pem',
  });
  assert.is(outcome.code, 1);
  assert.match(outcome.stdout, /FAIL {2}PostgreSQL .*nothing listens there\n +→ start PostgreSQL/);
  assert.match(outcome.stdout, /FAIL {2}gateway .*nobody needs a token/);
  assert.match(outcome.stdout, /FAIL {2}TLS_CERT /);
  assert.match(outcome.stdout, /FAIL {2}TLS .*only one of TLS_CERT and TLS_KEY/);
  assert.match(outcome.stdout, /\n4 will not work/);
});

test('doctor says when a schema is missing, and when the views cut days elsewhere', async () => {
  assert.match(
    (await run(['doctor'], { TICKS_PREFIX: 'missing' })).stdout,
    /FAIL {2}schema .*\n +→ run `tickgate setup-db`/,
  );
  const moved = await run(['doctor'], { BARS_TIME_ZONE: 'Asia/Dubai' });
  assert.match(
    moved.stdout,
    /warn {2}days .*Africa\/Cairo, but BARS_TIME_ZONE is Asia\/Dubai\n +→ run `tickgate setup-db`/,
  );
  assert.is(moved.code, 0);
});

test('doctor says when ticks of the earlier script lie in its list', async () => {
  const config = database.configWith({ TICKS_PREFIX: `old${Date.now()}` });
  const { legacyList } = bufferKeys(config.ticksPrefix, redisDatabase(config));
  const redis = new Redis(redisOptions(config, 'test', 5_000));
  await redis.connect();
  try {
    await redis.rpush(legacyList, '{"symbol":"COMI"}', '{"symbol":"ETEL"}');
    const { stdout } = await run(['doctor'], { TICKS_PREFIX: config.ticksPrefix });
    assert.match(stdout, new RegExp(`warn {2}old buffer .*2 ticks .* list ${legacyList}`));
  } finally {
    await redis.del(legacyList);
    redis.disconnect();
  }
});

const RAW: ReadonlyArray<readonly [raw: Buffer, shown: string]> = [
  [pack(['A', 1.5, 2, START]), `["A",1.5,2,${START}]`],
  [Buffer.from('94a141cb7ff800000000000001cf7fffffffffffffff', 'hex'), '["A","NaN",1,"9223372036854775807"]'],
  [Buffer.from('{"symbol":"A"}'), '{"symbol":"A"}'],
  [Buffer.from('[1,'), '0x5b312c'],
  [Buffer.from('93a141', 'hex'), '0x93a141'],
  [Buffer.alloc(0), '0x'],
];
RAW.forEach(([raw, shown], index) => {
  test(`a rejected tick is shown (${index}): ${shown}`, () => {
    assert.is(describeRaw(raw), shown);
  });
});
