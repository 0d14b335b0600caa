import { Fifo } from './fifo.ts';

export interface FairWorkOptions {
  /** At most about so long in one turn of the event loop, milliseconds. */
  readonly turnMs: number;
  /** Monotonic clock, milliseconds. */
  readonly nowMs?: () => number;
}

/** Work of one connection, in its order. */
interface Lane {
  readonly key: object;
  readonly works: Fifo<() => void>;
}

/** Lanes of one owner that have work, the next one first. */
interface Owner {
  readonly name: string;
  readonly lanes: Fifo<Lane>;
}

/** Time slices of a turn: an owner that has more to do lets the others have theirs first. */
const SLICES_A_TURN = 4;
/** Share of a turn that one owner may use directly, so that the next one is served in the same turn. */
const DIRECT_SHARE = 0.5;

/**
 * Fair work queue: short pieces of work that clients ask for, in at most `turnMs` of each turn of the event loop. Work
 * is done at once while there is time; after that it waits for later turns, in time slices that go round the owners
 * (tokens), and within an owner round its lanes (connections). Work of a lane is done in its order. Not bounded: each
 * lane's user bounds its own.
 */
export class FairWorkQueue implements Disposable {
  readonly #turnMs: number;
  readonly #nowMs: () => number;
  readonly #lanes = new Map<object, Lane>();
  readonly #owners = new Map<string, Owner>();
  /** Owners that have work, the next one first. */
  readonly #rotation = new Fifo<Owner>();
  /** Time that each owner has used in this turn. */
  readonly #spentMs = new Map<string, number>();
  #turnSpentMs = 0;
  #immediate: NodeJS.Immediate | undefined;

  constructor({ turnMs, nowMs = () => performance.now() }: FairWorkOptions) {
    this.#turnMs = turnMs;
    this.#nowMs = nowMs;
  }

  /** Does the work now, or in its turn. @param work must not throw */
  run(owner: string, laneKey: object, work: () => void): void {
    const lane = this.#lanes.get(laneKey);
    if (lane !== undefined) lane.works.push(work);
    else if (this.#hasTimeFor(owner)) this.#do(owner, work);
    else this.#enqueue(owner, laneKey, work);
    this.#immediate ??= setImmediate(() => this.#turn());
  }

  /** Forgets the work of a lane that has not been done. */
  drop(laneKey: object): void {
    this.#lanes.get(laneKey)?.works.clear();
    this.#lanes.delete(laneKey);
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#immediate);
    this.#lanes.clear();
    this.#owners.clear();
    this.#rotation.clear();
  }

  #hasTimeFor(owner: string): boolean {
    if (this.#turnSpentMs >= this.#turnMs) return false;
    return (this.#spentMs.get(owner) ?? 0) < this.#turnMs * DIRECT_SHARE;
  }

  /** @returns how long it took */
  #do(owner: string, work: () => void): number {
    const startedMs = this.#nowMs();
    work();
    const tookMs = this.#nowMs() - startedMs;
    this.#turnSpentMs += tookMs;
    this.#spentMs.set(owner, (this.#spentMs.get(owner) ?? 0) + tookMs);
    return tookMs;
  }

  #enqueue(name: string, key: object, work: () => void): void {
    const lane: Lane = { key, works: new Fifo() };
    lane.works.push(work);
    this.#lanes.set(key, lane);
    let owner = this.#owners.get(name);
    if (owner === undefined) {
      owner = { name, lanes: new Fifo() };
      this.#owners.set(name, owner);
      this.#rotation.push(owner);
    }
    owner.lanes.push(lane);
  }

  /** A new turn of the event loop: a new budget, first for the work that waits. */
  #turn(): void {
    this.#immediate = undefined;
    this.#turnSpentMs = 0;
    this.#spentMs.clear();
    while (this.#turnSpentMs < this.#turnMs) {
      const owner = this.#rotation.shift();
      if (owner === undefined) break;
      this.#slice(owner);
      if (owner.lanes.length > 0) this.#rotation.push(owner);
      else this.#owners.delete(owner.name);
    }
    if (this.#rotation.length > 0 || this.#turnSpentMs > 0) this.#immediate ??= setImmediate(() => this.#turn());
  }

  #slice(owner: Owner): void {
    let leftMs = this.#turnMs / SLICES_A_TURN;
    while (leftMs > 0) {
      const lane = owner.lanes.shift();
      if (lane === undefined) return;
      const work = lane.works.shift();
      if (work !== undefined) leftMs -= this.#do(owner.name, work);
      if (lane.works.length > 0) owner.lanes.push(lane);
      else if (this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key);
    }
  }
}
