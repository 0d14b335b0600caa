import * as fc from 'fast-check';
import { ContractBroken, type ModelRules, PRODUCTION_RULES } from './model-rules.ts';
import { settle, warmUp } from './settle.ts';
import { type CallFate, World, type WorldOptions } from './world.ts';

/**
 * A schedule is a list of whole numbers: the first draws the sizes of the world, each other one is a step. The low
 * bits of a step choose its kind, the rest is its argument, so that fast-check shrinks towards fewer and plainer steps.
 */
export type Schedule = readonly number[];

type Step = (world: World, arg: number) => void;

const KIND_BITS = 7;
export const MAX_STEPS = 80;
const FATES: readonly CallFate[] = ['answered', 'done-only', 'refused', 'answer-lost', 'late'];

/** Kinds of steps and how often each is drawn. Quiet ones first: shrinking goes there. */
const KINDS: ReadonlyArray<readonly [weight: number, name: string, step: Step]> = [
  [28, 'work', work],
  [18, 'a feed makes a frame', (world, arg) => feedOf(world, arg)?.produce(arg >> 2)],
  [10, 'one call goes on', (world, arg) => advanceOne(world, arg, 'answered')],
  [3, 'one call fails', (world, arg) => advanceOne(world, arg >> 2, FATES[1 + (arg & 3)] ?? 'late')],
  [
    6,
    'a call of a gateway fails',
    (world, arg) => advanceOf(world, arg >> 2, 'gateway', FATES[1 + (arg & 3)] ?? 'late'),
  ],
  [4, 'a feed does one thing', (world, arg) => void feedOf(world, arg)?.act(arg >> 2)],
  [4, 'a gateway reads one message', (world, arg) => readOne(world, arg)],
  [2, 'a gateway looks', (world, arg) => world.gateways[arg & 1]?.reconcile()],
  [2, 'notices are lost', (world, arg) => void world.gateways[arg & 1]?.notices.splice(0)],
  [4, 'somebody pauses', (world, arg) => void world.paused.add(actorOf(arg))],
  [4, 'somebody goes on', (world, arg) => void world.paused.delete(actorOf(arg))],
  [4, 'a connection is cut', (world, arg) => feedOf(world, arg)?.cut()],
  [4, 'a late call runs', (world, arg) => world.runLate(arg)],
  [4, 'a feed crashes', (world, arg) => feedOf(world, arg)?.crash()],
  [2, 'a gateway crashes', (world, arg) => world.crashGateway(arg & 1)],
  [3, 'a coordinator crashes', (world, arg) => world.crashCoordinator(arg & 1)],
  [1, 'a second program starts', (world) => startRival(world)],
  [2, 'Redis is wiped', (world) => world.redis.wipe()],
  [3, 'Redis restarts', restartRedis],
  [2, 'Redis is copied', (world) => world.redis.takeCopy()],
  [
    3,
    'entries are lost',
    (world, arg) => (arg & 1 ? world.redis.loseOne(arg >> 1) : world.redis.loseTail(1 + ((arg >> 1) % 3))),
  ],
  [
    2,
    'the stream or a state is deleted',
    (world, arg) => (arg & 1 ? world.redis.deleteStream() : world.redis.deleteState(arg & 2 ? 'f' : 'g')),
  ],
  [2, 'the database is copied', (world) => world.database.takeCopy()],
  [2, 'the database is restored', restoreDatabase],
  [3, 'a session of the database is ended', (world, arg) => endSession(world, arg % 3)],
  [3, 'a server goes down', (world, arg) => setUp(world, arg, false)],
  [3, 'the servers come up', (world) => [0, 1].forEach((server) => setUp(world, server, true))],
  [1, 'the buffer is full', (world, arg) => (world.redis.isFull = (arg & 1) === 0)],
  [1, 'take-overs are spaced', (world, arg) => (world.redis.isSpacing = (arg & 1) === 0)],
];

const TABLE: ReadonlyArray<{ readonly name: string; readonly step: Step }> = KINDS.flatMap(([weight, name, step]) =>
  Array.from({ length: weight }, () => ({ name, step })),
);

/** Schedules of up to `maxSteps` numbers, long ones as likely as short ones. */
export function schedules(maxSteps: number): fc.Arbitrary<Schedule> {
  return fc.array(fc.noBias(fc.nat(0x3fffffff)), { maxLength: maxSteps, size: 'max' });
}

/**
 * Runs a schedule, then lets everything recover and checks what must hold at rest.
 * @throws {ContractBroken}
 */
export function runSchedule(schedule: Schedule, rules: ModelRules = PRODUCTION_RULES, story?: string[]): World {
  const [sizes = 0, ...steps] = schedule;
  const world = new World(rules, optionsOf(sizes), story);
  // Most schedules begin in the middle of a day, where more can go wrong.
  if ((sizes >> 9) & 3) warmUp(world);
  for (const number of steps) {
    const kind = TABLE[(number & ((1 << KIND_BITS) - 1)) % TABLE.length];
    if (kind === undefined) continue;
    world.nowMs += 10;
    story?.push(`${kind.name} (${number >>> KIND_BITS})`);
    kind.step(world, number >>> KIND_BITS);
  }
  settle(world);
  return world;
}

/** A counterexample as a reader wants it: everything that happened, one line each. */
export function tellSchedule(schedule: Schedule, rules: ModelRules = PRODUCTION_RULES): string {
  const story: string[] = [];
  try {
    runSchedule(schedule, rules, story);
    story.push('holds');
  } catch (error) {
    if (!(error instanceof ContractBroken)) throw error;
    story.push(error.message);
  }
  return story.join('\n');
}

function optionsOf(sizes: number): WorldOptions {
  return {
    windowFrames: [64, 2, 8, 64][sizes & 3] ?? 64,
    framesAnEntry: [1, 3][(sizes >> 2) & 1] ?? 1,
    framesABatch: [64, 1, 2, 64][(sizes >> 3) & 3] ?? 64,
    prefetches: ((sizes >> 5) & 1) === 1,
    keepsCommitted: ((sizes >> 6) & 1) === 1,
    graceMs: [1e9, 0][(sizes >> 7) & 1] ?? 0,
    hasJournal: ((sizes >> 8) & 1) === 1,
    hasJournalFromStart: ((sizes >> 11) & 1) === 1,
  };
}

/** A short time without faults: a number of little things, drawn from the argument. */
function work(world: World, arg: number): void {
  let state = arg >>> 5;
  for (let left = arg & 31; left >= 0; left--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const pick = state >>> 12;
    const kind = (state >>> 8) & 15;
    if (kind < 5) actOne(world, pick);
    else if (kind < 8) readOne(world, pick);
    else if (kind < 13) advanceOf(world, pick, 'gateway');
    else if (kind < 14) for (let calls = pick & 7; calls >= 0; calls--) advanceOf(world, pick >> 3, 'coordinator');
    else if (kind < 15) hearOne(world, pick);
    else if ((pick & 3) === 0) world.gateways[(pick >> 2) & 1]?.reconcile();
    else world.feeds[pick % 3]?.produce(pick >> 4);
  }
}

function actOne(world: World, pick: number): void {
  const index = pick % 3;
  if (!world.paused.has(`feed-${index}`)) world.feeds[index]?.act(pick >> 3);
}

function hearOne(world: World, pick: number): void {
  const gateway = world.gateways[pick & 1];
  if (gateway !== undefined && !world.paused.has(gateway.name)) gateway.hear();
}

function advanceOf(world: World, pick: number, owners: string, fate: CallFate = 'answered'): void {
  const ready = world.tasks.filter((task) => task.owner.startsWith(owners) && world.canAdvance(task));
  const task = ready[pick % ready.length];
  if (task !== undefined) world.advance(task, fate);
}

function advanceOne(world: World, pick: number, fate: CallFate): void {
  const ready = world.readyTasks();
  const task = ready[pick % ready.length];
  if (task !== undefined) world.advance(task, fate);
}

function readOne(world: World, pick: number): void {
  const gateway = world.gateways[pick & 1];
  if (gateway === undefined || world.paused.has(gateway.name)) return;
  const connection = gateway.connections[(pick >> 1) % gateway.connections.length];
  if (connection !== undefined) gateway.read(connection);
}

function feedOf(world: World, arg: number) {
  return world.feeds[(arg & 3) % 3];
}

function actorOf(arg: number): string {
  return ['coordinator-0', 'gateway-0', 'coordinator-1', 'gateway-1', 'feed-0', 'feed-1', 'feed-2'][arg % 7] ?? '';
}

function startRival(world: World): void {
  const rival = world.feeds[2];
  if (rival !== undefined) rival.isRunning = true;
}

function restartRedis(world: World, arg: number): void {
  world.loseCalls('redis');
  world.redis.restart((['all', 'copy', 'none', 'copy'] as const)[arg & 3] ?? 'all');
}

function restoreDatabase(world: World): void {
  world.loseCalls('database');
  world.database.restoreCopy();
  for (const coordinator of world.coordinators) coordinator.isSessionLost = true;
}

/** Of a coordinator, or those that were left behind: the server notices, or a standby ends them. */
function endSession(world: World, index: number): void {
  const coordinator = world.coordinators[index];
  if (coordinator === undefined) {
    world.database.abortAll(world.coordinators.map((each) => each.transaction));
    return;
  }
  coordinator.isSessionLost = true;
  if (coordinator.transaction !== undefined) world.database.abort(coordinator.transaction);
}

function setUp(world: World, arg: number, isUp: boolean): void {
  if ((arg & 1) === 0) world.redis.isUp = isUp;
  else world.database.isUp = isUp;
}
