import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import * as assert from 'uvu/assert';
import { Random } from '../../clients/simulator/random.ts';
import { type BufferKeys, bufferKeys } from '../../src/buffer/keys.ts';
import { answerWords, runScript } from '../../src/buffer/lua-scripts.ts';
import type { FeedState } from '../../src/stream/feed-state.ts';
import { appendFrames, openFeed, renewFeed } from './feed-state-rules.ts';
import { redisDatabase, redisOptions } from '../../src/buffer/redis-options.ts';
import { loadConfig } from '../../src/config.ts';
import { suite } from '../support/suite.ts';
import { type Command, FEED_STATE_RULES, FeedStateCommands, type FeedStateRules } from './feed-state-commands.ts';

const COMMANDS = 100_000;
const FEEDS = 400;
/** Commands in which a wrong rule must be found out. */
const MUTATION_COMMANDS = 40_000;
const SEED = process.env['TICKGATE_DIFFERENTIAL_SEED'] ?? randomBytes(4).toString('hex');

const test = suite('feed state rules and their scripts', { timeoutMs: 120_000 });
const config = loadConfig(process.env);
let redis: Redis;

test.before(async () => {
  redis = new Redis({ ...redisOptions(config, 'test', 30_000) });
  await redis.connect();
});
test.after(() => redis.disconnect());

class Mismatch extends Error {
  override readonly name = 'Mismatch';
}

function send(command: Command): Promise<unknown> {
  return 'del' in command ? redis.del(command.del) : runScript(redis, command.script, command.keys, command.args);
}

function check(command: Command, answer: unknown): void {
  if ('del' in command) return;
  const { expected } = command;
  const [actual, wanted] = Array.isArray(expected) ? [answerWords(answer), expected.map(String)] : [answer, expected];
  if (JSON.stringify(actual) === JSON.stringify(wanted)) return;
  throw new Mismatch(`${JSON.stringify(command)} was answered ${JSON.stringify(answer)}`);
}

/** Runs random commands, one on each feed at a time, and compares answers and all that Redis holds after each round. */
async function compare(seed: string, count: number, rules: FeedStateRules): Promise<number> {
  const prefix = `tickgate-differential-${randomBytes(6).toString('hex')}`;
  const keys = bufferKeys(prefix, redisDatabase(config));
  const random = Random.fromSeed(seed);
  const commands = new FeedStateCommands(keys, random, rules);
  const feeds = Array.from({ length: FEEDS }, (_, at) => `feed-${at}`);
  let done = 0;
  try {
    while (done < count) {
      const round = feeds.map((feed) => commands.draw(feed));
      const answers = await Promise.all(round.map(send));
      round.forEach((command, at) => check(command, answers[at]));
      await compareStates(keys, feeds, commands);
      const ids = await compareStream(keys, commands);
      await shake(commands, random, ids);
      done += round.length;
    }
  } finally {
    await redis.del(
      keys.stream,
      keys.meta,
      keys.feeds,
      ...feeds.flatMap((feed) => [keys.state(feed), keys.takeover(feed)]),
    );
  }
  return done;
}

/** Between the rounds: trimming, another run, a stream that is lost. */
async function shake(commands: FeedStateCommands, random: Random, ids: readonly string[]): Promise<void> {
  const kind = random.fraction();
  if (kind < 0.5) {
    const trim = commands.trim(ids);
    check(trim, await send(trim));
    for (let at = ids.length - 1; at >= 0; at--) if (trim.removed.has(at)) commands.entries.splice(at, 1);
  } else if (kind < 0.7) commands.changeRun();
  else if (kind < 0.75) await send(commands.deleteStream());
  else if (kind < 0.8) await send(commands.deleteMeta());
}

async function compareStates(keys: BufferKeys, feeds: readonly string[], commands: FeedStateCommands): Promise<void> {
  const [hashes, known] = await Promise.all([
    Promise.all(feeds.map((feed) => redis.hgetall(keys.state(feed)))),
    redis.smembers(keys.feeds),
  ]);
  feeds.forEach((feed, at) => {
    const hash = hashes[at] ?? {};
    const actual = JSON.stringify(stateOf(hash));
    const expected = JSON.stringify(stateOf(textOf(commands.states.get(feed))));
    if (actual !== expected) throw new Mismatch(`${feed} is ${actual}, and by the rules ${expected}`);
    if ((hash['generation'] ?? '') !== '' && !known.includes(feed))
      throw new Mismatch(`${feed} is not among the feeds`);
  });
}

/** @returns ids of the stream's entries */
async function compareStream(keys: BufferKeys, commands: FeedStateCommands): Promise<string[]> {
  const [range, meta] = await Promise.all([redis.xrange(keys.stream, '-', '+'), redis.hgetall(keys.meta)]);
  const actual = range.map(([, fields]) => fields.join(' '));
  const expected = commands.entries.map(
    ({ feed, generation, total, shownUpTo, liveSeq, data }) =>
      `f ${feed} g ${generation} t ${total} p ${shownUpTo} n ${liveSeq} d ${data}`,
  );
  actual.forEach((entry, at) => {
    if (entry !== expected[at]) throw new Mismatch(`entry ${at} is ${entry}, and by the rules ${expected[at]}`);
  });
  if (actual.length !== expected.length)
    throw new Mismatch(`${actual.length} entries, by the rules ${expected.length}`);
  assert.equal(meta, commands.meta);
  return range.map(([id]) => id);
}

function stateOf(hash: Readonly<Record<string, string>>): readonly string[] {
  const text = (name: string, absent: string): string => hash[name] ?? absent;
  const texts = ['run', 'generation', 'session', 'instance', 'writer', 'seed'].map((name) => text(name, ''));
  return [...texts, ...['position', 'published', 'attempt'].map((name) => text(name, '0'))];
}

/** Fields in Redis whose names differ from the ones in TypeScript. */
const REDIS_FIELDS: Readonly<Record<string, string>> = { shownUpTo: 'published', nonce: 'seed' };

function textOf(state: FeedState | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(state ?? {}).map(([name, value]) => [REDIS_FIELDS[name] ?? name, String(value)]),
  );
}

test(`${COMMANDS} random commands`, async () => {
  const startMs = performance.now();
  const done = await compare(SEED, COMMANDS, FEED_STATE_RULES).catch((error: unknown) => {
    throw new Error(`TICKGATE_DIFFERENTIAL_SEED=${SEED}: ${String(error)}`, { cause: error });
  });
  process.stdout.write(`${done} commands, seed ${SEED}, ${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`);
});

/** Rules made wrong by one step each: the comparison would find every one of them. */
const WRONG: ReadonlyArray<readonly [name: string, rules: Partial<FeedStateRules>]> = [
  [
    'open: a state of another run counts',
    { openFeed: (state, _run, ...rest) => openFeed(state, state?.run ?? '', ...rest) },
  ],
  [
    'open: a late attempt is taken',
    {
      openFeed: (state, run, claim, isSpaced) =>
        openFeed(state === undefined ? state : { ...state, attempt: 0 }, run, claim, isSpaced),
    },
  ],
  [
    'open: nobody is taken over',
    { openFeed: (state, run, claim, isSpaced) => openFeed(state, run, { ...claim, have: Infinity }, isSpaced) },
  ],
  [
    'open: taken one seq too early',
    { openFeed: (state, run, claim, isSpaced) => openFeed(state, run, { ...claim, have: claim.have - 1 }, isSpaced) },
  ],
  ['open: take-overs are not spaced', { openFeed: (state, run, claim) => openFeed(state, run, claim, false) }],
  [
    'prepare-renewal: the nonce is not shared',
    {
      prepareRenewal: (state, run, nonce) =>
        FEED_STATE_RULES.prepareRenewal(state === undefined ? state : { ...state, nonce: '' }, run, nonce),
    },
  ],
  [
    'renew: the state is not compared',
    {
      renewFeed: (state, run, _fingerprint, ...rest) =>
        renewFeed(state, run, `${state?.run ?? ''}|${state?.generation ?? ''}|${state?.nonce ?? ''}`, ...rest),
    },
  ],
  [
    'renew: shownUpTo goes back',
    { renewFeed: (state, ...rest) => renewFeed(state === undefined ? state : { ...state, shownUpTo: 0 }, ...rest) },
  ],
  [
    'append: any session',
    { appendFrames: (state, run, _session, ...rest) => appendFrames(state, run, state?.session ?? '', ...rest) },
  ],
  ['append: any run', { appendFrames: (state, _run, ...rest) => appendFrames(state, state?.run ?? '', ...rest) }],
  [
    'append: any chain',
    {
      appendFrames: (state, run, session, frames, isFull) =>
        appendFrames(state, run, session, { ...frames, prev: state?.position ?? 0 }, isFull),
    },
  ],
  [
    'append: the bound is not kept',
    { appendFrames: (state, run, session, frames) => appendFrames(state, run, session, frames, false) },
  ],
  [
    'append: a repeat is not known',
    {
      appendFrames: (state, run, session, frames, isFull) => {
        const answer = appendFrames(state, run, session, frames, isFull);
        return answer.outcome === 'repeat' && frames.last === state?.position
          ? { ...answer, outcome: 'lost-chain' }
          : answer;
      },
    },
  ],
  [
    'invalidate: whatever is there',
    {
      invalidateFeed: (state, ...checked) =>
        FEED_STATE_RULES.invalidateFeed(state, state?.run ?? checked[0], state?.generation ?? checked[1]),
    },
  ],
  [
    'invalidate: shownUpTo is forgotten',
    {
      invalidateFeed: (state, run, generation) => {
        const answer = FEED_STATE_RULES.invalidateFeed(state, run, generation);
        return answer.outcome === 'invalidated' && answer.state !== undefined
          ? { ...answer, state: { ...answer.state, shownUpTo: 0 } }
          : answer;
      },
    },
  ],
  [
    "trim: entries of the state's own generation go",
    { mayTrimStale: (state) => state !== undefined && state.generation !== '' },
  ],
  [
    'trim: entries go where there is no state',
    { mayTrimStale: (state, generation) => state?.generation !== generation },
  ],
];

for (const [name, rules] of WRONG) {
  test(`found out: ${name}`, async () => {
    const failure = await compare('mutation', MUTATION_COMMANDS, { ...FEED_STATE_RULES, ...rules }).catch(
      (error: unknown) => error,
    );
    assert.instance(failure, Mismatch, `nothing went wrong in ${MUTATION_COMMANDS} commands`);
  });
}
