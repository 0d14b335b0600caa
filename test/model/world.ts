import { CoordinatorModel } from './coordinator-model.ts';
import { DatabaseModel } from './database-model.ts';
import { FeedModel, type FeedProcess } from './feed-model.ts';
import { type Connection, GatewayModel, type Notice } from './gateway-model.ts';
import { type Call, type Job, ServiceFailure, Task } from './model-call.ts';
import { ContractBroken, type ModelRules } from './model-rules.ts';
import { RedisModel } from './redis-model.ts';

/** How a call goes. The last three leave the asking side without an answer, or with a refusal. */
export type CallFate = 'answered' | 'done-only' | 'refused' | 'answer-lost' | 'late';

/** The sizes of a schedule's world, drawn from one number. */
export interface WorldOptions {
  readonly windowFrames: number;
  readonly framesAnEntry: number;
  readonly framesABatch: number;
  readonly prefetches: boolean;
  /** Committed entries stay in the stream. */
  readonly keepsCommitted: boolean;
  readonly graceMs: number;
  readonly hasJournal: boolean;
  readonly hasJournalFromStart: boolean;
}

/** All processes and servers of one schedule. Nothing in it reads a clock or a random number. */
export class World {
  readonly rules: ModelRules;
  readonly windowFrames: number;
  readonly framesAnEntry: number;
  readonly framesABatch: number;
  readonly prefetches: boolean;
  readonly keepsCommitted: boolean;
  readonly redis: RedisModel;
  readonly database: DatabaseModel;
  readonly feeds: readonly FeedModel[];
  readonly gateways: GatewayModel[];
  readonly coordinators: CoordinatorModel[];
  tasks: Task[] = [];
  /** Calls that nobody waits for any more, and that a server may still run. */
  late: Array<Call<unknown>> = [];
  readonly paused: Set<string> = new Set();
  nowMs = 0;
  /** What happened, for a counterexample; undefined while schedules are only run. */
  readonly story: string[] | undefined;
  #marks = 0;
  #instances = 0;

  constructor(rules: ModelRules, options: WorldOptions, story?: string[]) {
    this.rules = rules;
    this.story = story;
    this.windowFrames = options.windowFrames;
    this.framesAnEntry = options.framesAnEntry;
    this.framesABatch = options.framesABatch;
    this.prefetches = options.prefetches;
    this.keepsCommitted = options.keepsCommitted;
    this.redis = new RedisModel(rules, (what) => this.newMark(what), story);
    this.database = new DatabaseModel(rules, story);
    const { graceMs, hasJournal, hasJournalFromStart } = options;
    this.feeds = [
      new FeedModel(this, 'f', { hasJournal, hasJournalFromStart, graceMs, isRunning: true }),
      new FeedModel(this, 'g', { hasJournal: false, hasJournalFromStart: false, graceMs, isRunning: true }),
      new FeedModel(this, 'f', { hasJournal: false, hasJournalFromStart: false, graceMs, isRunning: false }),
    ];
    this.gateways = [new GatewayModel(this, 'gateway-0'), new GatewayModel(this, 'gateway-1')];
    this.coordinators = [this.#startCoordinator(0), this.#startCoordinator(1)];
  }

  newMark(what: string): string {
    return `${what}-${++this.#marks}`;
  }

  newInstance(): string {
    return String.fromCharCode(65 + (this.#instances++ % 26));
  }

  start(owner: string, job: Job): void {
    const task = new Task(owner, job);
    if (!task.isEnded) this.tasks.push(task);
  }

  connect(feed: FeedModel, pick: number): Connection {
    const gateway = this.gateways[pick % this.gateways.length];
    if (gateway === undefined) throw new RangeError('no gateway');
    return gateway.accept(feed);
  }

  /** Whether another program of this feed's name has ever run. */
  hasRival(feed: FeedModel): boolean {
    return this.feeds.some((other) => other !== feed && other.feed === feed.feed && other.isRunning);
  }

  /**
   * What a dead process had sent may be stored after its successor began, under numbers that the successor has used
   * itself: that one is told so (taken), and a human has to start it again. It takes a database that was put back to an
   * older copy while Redis lost something besides: then nobody can tell whose state is whose.
   */
  get mayRefuseAlone(): boolean {
    const { redis, database, rules } = this;
    const isRedisExcused = rules.excusesRefusals === 'any loss' ? redis.losses > 0 : redis.rollbacks > 0;
    return database.restores > 0 && isRedisExcused;
  }

  tellGateways(notice: Notice): void {
    for (const gateway of this.gateways) gateway.notices.push(notice);
  }

  /** `committed` is about to be told: is it so? A watermark of another history of the database cannot be compared. */
  checkTold(process: FeedProcess, seq: number, restores: number): void {
    if (restores !== this.database.restores) return;
    for (const frame of process.frames) {
      if (frame.seq > seq) return;
      if (frame.toldCommitted) continue;
      const chain = this.database.chain(frame.feed);
      if (chain.includes(frame) || chain.some((gap) => gap.skip && gap.prev < frame.seq && frame.seq <= gap.seq))
        continue;
      throw new ContractBroken(`committed ${seq} is told to ${process.instance}, whose ${frame.name} is not stored`);
    }
  }

  /** Tasks that can go on now. */
  readyTasks(): Task[] {
    return this.tasks.filter((task) => this.canAdvance(task));
  }

  canAdvance(task: Task): boolean {
    const call = task.pending;
    if (call === undefined || this.paused.has(task.owner)) return false;
    if (call.isDone) return true;
    return this.isUp(call) && call.isReady;
  }

  isUp({ server }: Call<unknown>): boolean {
    return server === 'none' || (server === 'redis' ? this.redis.isUp : this.database.isUp);
  }

  advance(task: Task, fate: CallFate): void {
    const call = task.pending;
    if (call === undefined) return;
    if (fate !== 'answered') this.story?.push(`  ${task.owner} ${call.what}: ${fate}`);
    if (call.server === 'none' || fate === 'answered' || fate === 'done-only') {
      if (!call.isDone) call.execute();
      if (fate === 'done-only' && call.server !== 'none') return;
      task.resume();
    } else if (fate === 'refused' && !call.isDone) task.fail(new ServiceFailure(call.server, false));
    else {
      if (!call.isDone && fate === 'answer-lost' && this.isUp(call) && call.isReady) call.execute();
      else if (!call.isDone) this.late.push(call);
      task.fail(new ServiceFailure(call.server, true));
    }
    this.#forgetIfEnded(task);
  }

  /** A server runs what it had received before its client gave up. */
  runLate(pick: number): void {
    const call = this.late.splice(pick % Math.max(1, this.late.length), 1)[0];
    if (call === undefined || !this.isUp(call) || !call.isReady) return;
    this.story?.push(`  ${call.server} runs a late ${call.what}`);
    call.execute();
  }

  crashGateway(index: number): void {
    const gateway = this.gateways[index];
    if (gateway === undefined) return;
    for (const connection of gateway.connections) connection.isServerGone = true;
    this.#dropTasks(gateway.name);
    this.gateways[index] = new GatewayModel(this, gateway.name);
  }

  crashCoordinator(index: number): void {
    this.#dropTasks(`coordinator-${index}`);
    this.coordinators[index] = this.#startCoordinator(index);
  }

  /** What is on its way to a server that ends is lost with it. */
  loseCalls(server: 'redis' | 'database'): void {
    this.late = this.late.filter((call) => call.server !== server);
    for (const task of this.tasks.slice()) {
      if (task.pending?.server !== server || task.pending.isDone) continue;
      task.fail(new ServiceFailure(server, true));
      this.#forgetIfEnded(task);
    }
  }

  #forgetIfEnded(task: Task): void {
    if (task.isEnded) this.tasks = this.tasks.filter((each) => each !== task);
  }

  #dropTasks(owner: string): void {
    for (const { owner: its, pending } of this.tasks) {
      if (its === owner && pending !== undefined && !pending.isDone && pending.server !== 'none')
        this.late.push(pending);
    }
    this.tasks = this.tasks.filter((task) => task.owner !== owner);
  }

  #startCoordinator(index: number): CoordinatorModel {
    const coordinator = new CoordinatorModel(this, `coordinator-${index}`);
    this.start(coordinator.name, coordinator.run());
    return coordinator;
  }
}
