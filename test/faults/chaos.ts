import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../../clients/simulator/random.ts';
import { ChaosSchedule, type ScheduledFault, type ScheduleReport } from './chaos-schedule.ts';
import type { Fault, OwnFault, ServiceFault } from './fault.ts';
import { FEED_FAULTS } from './feed-faults.ts';
import { GivenStage } from './given-stage.ts';
import { FEED_LINK_FAULTS, SERVICE_LINK_FAULTS } from './network-faults.ts';
import { OwnStage } from './own-stage.ts';
import { DATABASE_FAULTS, POSTGRES_SERVER_FAULTS } from './postgres-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { REDIS_DATA_FAULTS, REDIS_SERVER_FAULTS } from './redis-faults.ts';
import { withDatabase } from './stage.ts';
import { auditBars, auditTables } from './table-audit.ts';

/**
 * Faults overlapping at random under load, and a verdict:
 *
 *   npm run chaos -- [--minutes 20] [--seed TEXT] [--rate 26000] [--only TEXT]
 *                    [--url ws://… --redis redis://… --postgres postgres://… [--prefix egx] [--token …]]
 *
 * Without addresses it starts a deployment of its own and hurts every part of it. With them it hurts the services and
 * the feeds' connections of the stage that they name: Redis is flushed, sessions are ended, tables are locked. Never
 * name a stage whose data anybody needs.
 */
const SERVICE_FAULTS: readonly ServiceFault[] = [
  ...FEED_FAULTS,
  ...FEED_LINK_FAULTS,
  ...REDIS_DATA_FAULTS,
  ...DATABASE_FAULTS,
];
const OWN_FAULTS: readonly OwnFault[] = [
  ...PROCESS_FAULTS,
  ...SERVICE_LINK_FAULTS,
  ...REDIS_SERVER_FAULTS,
  ...POSTGRES_SERVER_FAULTS,
];
const FEED_PROCESSES = 3;
const FEEDS_A_PROCESS = 2;
const TICKS_A_FRAME = 100;
const GRACE_FRAMES = 8_000;
/** Of Redis and of the database, each. */
const RESTORES_A_MINUTE = 0.3;
const PROGRESS_MS = 10_000;
const DRAIN_LIMIT_MS = 300_000;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

interface ChaosOptions {
  readonly minutes: number;
  readonly seed: string;
  readonly rate: number;
  readonly only: string;
  readonly given: { readonly url: string; readonly redisUrl: string; readonly postgresUrl: string } | undefined;
  readonly prefix: string;
  readonly token: string | undefined;
}

function parseOptions(args: string[]): ChaosOptions {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      rate: { type: 'string', default: '26000' },
      only: { type: 'string', default: '' },
      url: { type: 'string' },
      redis: { type: 'string' },
      postgres: { type: 'string' },
      prefix: { type: 'string', default: 'egx' },
      token: { type: 'string' },
    },
  });
  const { url, redis, postgres } = values;
  const isGiven = url !== undefined || redis !== undefined || postgres !== undefined;
  if (isGiven && (url === undefined || redis === undefined || postgres === undefined))
    throw new Error('--url, --redis and --postgres name a stage together: all three are needed');
  if (!(Number(values.minutes) > 0)) throw new Error('--minutes: a number above 0 is needed');
  return {
    minutes: Number(values.minutes),
    seed: values.seed,
    rate: Number(values.rate),
    only: values.only,
    given:
      url === undefined || redis === undefined || postgres === undefined
        ? undefined
        : { url, redisUrl: redis, postgresUrl: postgres },
    prefix: values.prefix,
    token: values.token,
  };
}

type AnyStage = OwnStage | GivenStage;

async function startStage({ given, rate, prefix, token }: ChaosOptions): Promise<AnyStage> {
  const load = {
    feedProcesses: FEED_PROCESSES,
    feedsAProcess: FEEDS_A_PROCESS,
    ticksAFrame: TICKS_A_FRAME,
    ticksASecond: rate / (FEED_PROCESSES * FEEDS_A_PROCESS),
    graceFrames: GRACE_FRAMES,
  };
  if (given === undefined) return OwnStage.start(load);
  return GivenStage.start({ ...load, ...given, prefix, token, feedPrefix: `c${Date.now().toString(36)}-` });
}

function bind(stage: AnyStage, { only, minutes }: ChaosOptions): ScheduledFault[] {
  const fits = ({ name, where, onlyAlone }: Fault): boolean =>
    onlyAlone !== true && (only === '' || `${name} ${where}`.includes(only));
  const words = ({ name, where, hurts, weight }: Fault): Omit<ScheduledFault, 'inject'> => {
    const isRestore = where.endsWith(', restored');
    return { name, hurts, weight: weight ?? 1, atLeast: isRestore ? Math.ceil(minutes * RESTORES_A_MINUTE) : 0 };
  };
  const bound = SERVICE_FAULTS.filter(fits).map((fault): ScheduledFault => ({
    ...words(fault),
    inject: (times) => fault.inject(stage, times),
  }));
  if (!(stage instanceof OwnStage)) return bound;
  const own = OWN_FAULTS.filter(fits).map((fault): ScheduledFault => ({
    ...words(fault),
    inject: (times) => fault.inject(stage, times),
  }));
  return [...bound, ...own];
}

function ticksCommitted(stage: AnyStage): number {
  return stage.fleet.feeds.reduce((sum, feed) => sum + stage.fleet.progress(feed).committed, 0) * TICKS_A_FRAME;
}

function showProgress(stage: AnyStage, schedule: ChaosSchedule, startMs: number): void {
  const seconds = (Date.now() - startMs) / 1_000;
  const sent = [...stage.fleet.sent().values()].reduce((sum, seq) => sum + seq, 0) * TICKS_A_FRAME;
  const committed = ticksCommitted(stage);
  const rss = Math.round(stage.checker.maxRssMb);
  write(
    `${seconds.toFixed(0).padStart(5)} s  ${schedule.done} faults  ${Math.round(committed / seconds)} ticks/s committed, ` +
      `${sent - committed} behind  gateway ${rss} MiB at most  ${stage.checker.violations.length} violations  ` +
      `[${schedule.underWay.join('; ')}]`,
  );
}

/** Everything at rest: what was sent, what is there, and everything that was seen on the way. */
async function judge(stage: AnyStage, seconds: number, report: ScheduleReport): Promise<boolean> {
  await stage.mend();
  stage.fleet.generate(false);
  await sleep(1_000);
  const sent = stage.fleet.sent();
  const wrong: string[] = [];
  await stage.fleet.whenCommitted(sent, DRAIN_LIMIT_MS).catch((error: unknown) => wrong.push(String(error)));
  const { feeds, ticksAFrame } = stage.fleet;
  const audit = await withDatabase(stage, (client) =>
    auditTables(client, { prefix: stage.prefix, feeds, ticksAFrame }),
  );
  wrong.push(...stage.checker.violations, ...audit.wrong, ...stage.brokenLines());
  for (const { feed, committed } of audit.feeds)
    if (committed !== sent.get(feed)) wrong.push(`${feed}: ${committed} of ${sent.get(feed)} frames`);
  if (stage instanceof OwnStage) {
    const bars = await withDatabase(stage, (client) => auditBars(client, stage.prefix));
    if (bars !== undefined) wrong.push(bars);
  }
  const sum = (pick: (feed: (typeof audit.feeds)[number]) => number): number =>
    audit.feeds.reduce((total, feed) => total + pick(feed), 0);
  const [rows, rejected, gaps] = [sum((f) => f.rows), sum((f) => f.rejected), sum((f) => f.gapFrames)];
  if (gaps > 0) wrong.push(`${gaps} frames declared missing, though the feeds keep what they sent`);
  const done = [...report.counts.values()].reduce((total, count) => total + count, 0);
  for (const [name, count] of [...report.counts].sort((a, b) => b[1] - a[1]))
    write(`${String(count).padStart(4)} × ${name}`);
  for (const each of new Set(report.notDone)) write(`   not done: ${each.slice(0, 200)}`);
  write(`faults: ${done}`);
  write(
    `ticks: ${rows} rows + ${rejected} rejected + ${gaps} frames in gaps, ${Math.round((rows + rejected) / seconds)} a second`,
  );
  write(
    `looked ${stage.checker.samples} times while running; compared ${stage.checker.comparisons} times what was told committed`,
  );
  write(`gateway memory: ${Math.round(stage.checker.maxRssMb)} MiB at most`);
  for (const each of new Set(wrong)) write(`WRONG: ${each}`);
  return wrong.length === 0;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  write(`seed ${options.seed}, ${options.minutes} minutes, ${options.rate} ticks/s`);
  await using stage = await startStage(options);
  const schedule = new ChaosSchedule(bind(stage, options), Random.fromSeed(options.seed));
  const startMs = Date.now();
  const timer = setInterval(() => showProgress(stage, schedule, startMs), PROGRESS_MS);
  const report = await schedule.run(options.minutes * 60_000, (hurts) => stage.mend(hurts));
  const seconds = (Date.now() - startMs) / 1_000;
  clearInterval(timer);
  const isRight = await judge(stage, seconds, report);
  write(
    isRight
      ? `verdict: RIGHT. Every tick sent is there once, in order, and none was told committed before it was (seed ${options.seed})`
      : `verdict: WRONG (seed ${options.seed})`,
  );
  return isRight ? 0 : 1;
}

process.exitCode = await main();
