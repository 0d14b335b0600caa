import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { type BufferKeys, bufferKeys } from '../../src/buffer/keys.ts';
import { RedisLink } from '../../src/buffer/redis-link.ts';
import { describeRedisAddress, redisOptions } from '../../src/buffer/redis-options.ts';
import { readWaitingTicks } from '../../src/buffer/waiting-ticks.ts';
import { loadConfig } from '../../src/config.ts';
import { suite } from '../support/suite.ts';

const test = suite('ticks that wait');
const config = loadConfig(process.env);
/** Time between the asking of the clock and the script, on a busy machine. */
const SLACK_MS = 2_000;
let link: RedisLink;
let keys: BufferKeys;

test.before(async () => {
  const redis = redisOptions(config, 'test', 5_000);
  link = new RedisLink({ redis, role: 'test', address: describeRedisAddress(config) });
  await link.connect();
});
test.after(() => link.close());
test.before.each(() => {
  keys = bufferKeys(`t${randomBytes(6).toString('hex')}`, config.redisDb);
});
test.after.each(async () => {
  await link.client.del(keys.stream, keys.meta);
});

async function clockMs(): Promise<number> {
  const [seconds, micros] = await link.client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** Entries of one tick each, so that an entry's total is its number. */
async function fill(timesMs: readonly number[], handled: number): Promise<void> {
  const pipeline = link.client.pipeline();
  let last = 0;
  let serial = 0;
  timesMs.forEach((timeMs, at) => {
    serial = timeMs === last ? serial + 1 : 0;
    last = timeMs;
    pipeline.xadd(keys.stream, `${timeMs}-${serial}`, 'f', 'x', 'g', 'x', 't', String(at + 1), 'd', 'x');
  });
  pipeline.hset(keys.meta, { total: timesMs.length, handled });
  await pipeline.exec();
}

test('nothing in the buffer', async () => {
  assert.equal(await readWaitingTicks(link, keys), { ticks: 0, oldestAgeMs: 0 });
});

test('everything handled, entries kept for those who resume', async () => {
  const nowMs = await clockMs();
  await fill([nowMs - 5_000, nowMs - 4_000], 2);
  assert.equal(await readWaitingTicks(link, keys), { ticks: 0, oldestAgeMs: 0 });
});

test('the oldest that waits, wherever it stands among equal times and holes', async () => {
  const nowMs = await clockMs();
  let nonce = 7;
  const random = (below: number): number => {
    nonce = (nonce * 48_271) % 2_147_483_647;
    return nonce % below;
  };
  const steps = [0, 0, 0, 1, 1, 2, 30, 5_000];
  const timesMs: number[] = [];
  for (let ms = nowMs - 3_600_000; timesMs.length < 200; ms += steps[random(steps.length)] ?? 0) timesMs.push(ms);
  await fill(timesMs, 0);
  for (let handled = 0; handled < timesMs.length; handled++) {
    await link.client.hset(keys.meta, 'handled', handled);
    const { ticks, oldestAgeMs } = await readWaitingTicks(link, keys);
    const expected = nowMs - (timesMs[handled] ?? 0);
    const drift = oldestAgeMs - expected;
    assert.is(ticks, timesMs.length - handled);
    assert.ok(drift >= 0 && drift < SLACK_MS, `handled ${handled}: ${oldestAgeMs}, not ${expected}`);
  }
});
