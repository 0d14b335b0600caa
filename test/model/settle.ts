import type { FeedModel, FeedProcess, ModelFrame } from './feed-model.ts';
import { ContractBroken } from './model-rules.ts';
import type { World } from './world.ts';

/**
 * Rounds without a commit in which everything must have recovered. A round gives everybody a turn and lets the leader
 * flush and check for divergence.
 */
const MAX_ROUNDS = 30;
const MAX_SWEEPS = 200;
const MAX_CALLS_A_TURN = 2_000;

/**
 * The faults end. Every feed must make progress again: what it holds is committed, and so is one frame more. Then the
 * accounts are drawn up.
 * @throws {ContractBroken}
 */
export function settle(world: World): void {
  endFaults(world);
  run(world, 'after the faults');
  for (const feed of world.feeds) feed.produce(0);
  run(world, 'with one frame more');
  for (const feed of world.feeds) checkAccounts(world, feed);
}

/** Feeds are open, and have had frames committed. */
export function warmUp(world: World): void {
  for (const feed of world.feeds) feed.produce(0);
  run(world, 'at the start');
}

function endFaults(world: World): void {
  const { redis, database } = world;
  world.story?.push('the faults end');
  redis.isUp = true;
  database.isUp = true;
  redis.isFull = false;
  redis.isSpacing = false;
  world.paused.clear();
  // Some of what is on its way gets there, some does not.
  while (world.late.length > 0) {
    if (world.late.length % 3 === 0) world.late.pop();
    else world.runLate(0);
  }
  // One coordinator leads, the other stands by; what was left behind on a lost session is ended.
  world.tasks = world.tasks.filter((task) => task.owner !== 'coordinator-1');
  const [leader] = world.coordinators;
  database.abortAll([leader?.transaction]);
}

function run(world: World, when: string): void {
  let { commits } = world.database;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    fairRound(world);
    if (isAtRest(world)) return;
    if (world.database.commits > commits) round = 0;
    commits = world.database.commits;
  }
  const stuck = world.feeds.filter((feed) => !isSettled(world, feed)).map((feed) => describe(world, feed));
  throw new ContractBroken(`no progress ${when}, after ${MAX_ROUNDS} rounds: ${stuck.join('; ')}`);
}

function fairRound(world: World): void {
  world.nowMs += 500;
  exchange(world);
  leadOneTurn(world);
  for (const gateway of world.gateways) gateway.reconcile();
  exchange(world);
}

/** Messages and calls, until nobody has anything to do. */
function exchange(world: World): void {
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let didSomething = false;
    world.feeds.forEach((feed, index) => {
      for (let left = 20; left > 0 && feed.act(index); left--) didSomething = true;
    });
    for (const gateway of world.gateways) {
      for (const connection of gateway.connections.slice()) while (gateway.read(connection)) didSomething = true;
      while (gateway.hear()) didSomething = true;
    }
    for (const task of world.tasks.slice()) {
      if (task.owner.startsWith('coordinator')) continue;
      for (let left = 30; left > 0 && world.canAdvance(task); left--) {
        world.advance(task, 'answered');
        didSomething = true;
      }
    }
    if (!didSomething) return;
  }
}

function leadOneTurn(world: World): void {
  const [leader] = world.coordinators;
  const task = world.tasks.find((each) => each.owner === 'coordinator-0');
  if (leader === undefined || task === undefined) return;
  const { turns } = leader;
  for (let calls = 0; calls < MAX_CALLS_A_TURN && leader.turns === turns && world.canAdvance(task); calls++)
    world.advance(task, 'answered');
  if (world.canAdvance(task)) world.advance(task, 'answered');
}

function isAtRest(world: World): boolean {
  return world.feeds.every((feed) => isSettled(world, feed));
}

function isSettled(world: World, feed: FeedModel): boolean {
  if (!feed.isRunning || feed.refused !== undefined) return true;
  if (!feed.isDrained) return false;
  // Two live programs of one name that have nothing to say may go on taking the feed from each other.
  if (world.hasRival(feed)) return true;
  const state = world.redis.states.get(feed.feed);
  const row = world.database.rows.get(feed.feed);
  return feed.isOpen && state?.generation === row?.generation && state?.position === row?.seq;
}

function checkAccounts(world: World, feed: FeedModel): void {
  if (!feed.isRunning) return;
  const chain = new Set(world.database.chain(feed.feed));
  const gaps = [...chain].filter((frame) => frame.skip);
  const account = { world, chain, gaps, hasRival: world.hasRival(feed) };
  checkProcess(account, feed.process, feed.refused === undefined ? 'running' : 'refused');
  for (const process of feed.dead) checkProcess(account, process, 'dead');
  const others = world.feeds.filter((other) => other.feed === feed.feed && other.isRunning);
  if (!world.mayRefuseAlone && others.every((other) => other.refused !== undefined))
    throw new ContractBroken(`every program of feed ${feed.feed} is refused for good`);
}

interface Account {
  readonly world: World;
  readonly chain: ReadonlySet<ModelFrame>;
  readonly gaps: readonly ModelFrame[];
  readonly hasRival: boolean;
}

/** rows + rejected + declared gaps = sent. */
function checkProcess(
  { world, chain, gaps, hasRival }: Account,
  process: FeedProcess,
  end: 'running' | 'refused' | 'dead',
): void {
  const { redis, database } = world;
  // A renewal that was abandoned on its way breaks the state beside it, and frames that it had acknowledged.
  const hasLostNothing = redis.losses === 0 && database.restores === 0 && redis.renewals === database.renewals;
  for (const frame of process.frames) {
    // An older database came back, and another program used the number.
    if (chain.has(frame) || (frame.isForgotten && hasRival)) continue;
    const isDeclared = gaps.some((gap) => gap.prev < frame.seq && frame.seq <= gap.seq);
    // What was never told committed may be declared a gap by another program of the feed only.
    const isOwed =
      (end === 'running' && !isDeclared) ||
      (end === 'running' && !frame.toldCommitted && !hasRival) ||
      (frame.toldCommitted && !isDeclared && database.restores === 0) ||
      (frame.acked && !isDeclared && hasLostNothing);
    if (!isOwed) continue;
    const told = frame.toldCommitted ? 'told committed' : frame.acked ? 'acknowledged' : 'sent';
    throw new ContractBroken(
      `${frame.name}, ${told}, of a process that is ${end}, is not stored${isDeclared ? ', but declared a gap' : ''}`,
    );
  }
}

function describe(world: World, feed: FeedModel): string {
  const state = world.redis.states.get(feed.feed);
  const row = world.database.rows.get(feed.feed);
  const { outbox, instance } = feed.process;
  return `${instance} of ${feed.feed} holds ${outbox.uncommittedFrames} frames, ${outbox.unsentFrames} unsent, is ${feed.isOpen ? '' : 'not '}open; place ${JSON.stringify(state)}; row ${JSON.stringify(row)}`;
}
