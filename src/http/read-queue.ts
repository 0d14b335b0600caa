import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { Fifo } from '../base/fifo.ts';
import { StoreUnavailableError } from '../errors.ts';
import { ApiRefusal } from './api-access.ts';

export interface ReadQueueOptions {
  /** Reads at once, of all owners and of one. */
  readonly maxReads: number;
  readonly maxReadsPerOwner: number;
  /** Reads that wait, of all owners and of one. */
  readonly maxWaiting: number;
  readonly maxWaitingPerOwner: number;
  /** Longest wait of one read: a database that answers nobody is told of, however many wait for it. */
  readonly maxWaitMs: number;
  readonly clock?: Clock;
}

/** One whose turn comes. */
interface Waiting {
  readonly isGone: () => boolean;
  readonly begin: () => void;
}

interface Owner {
  readonly name: string;
  running: number;
  readonly waiting: Fifo<Waiting>;
  /** Whether it stands in the rotation: it waits, and may have one more at once. */
  isInRotation: boolean;
}

const RETRY_AFTER_S = 2;

/**
 * Fair queue of heavy reads: so many at once, so many of one owner, which is a token. A free slot goes round the owners
 * that wait, so that one with a thousand reads in line keeps another waiting for one of them, not for a thousand.
 */
export class ReadQueue {
  readonly #options: ReadQueueOptions;
  readonly #clock: Clock;
  readonly #owners = new Map<string, Owner>();
  /** Owners that wait and may begin, the next one first. */
  readonly #rotation = new Fifo<Owner>();
  #running = 0;
  #waiting = 0;

  constructor(options: ReadQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Reads in its turn.
   * @param isGone whether nobody waits for the answer any more: then it is not read
   * @throws {ApiRefusal} 429 when the owner has too many in line, 503 when there are too many of all
   * @throws {StoreUnavailableError} its turn did not come in time
   */
  async run<Answer>(name: string, isGone: () => boolean, read: () => Promise<Answer>): Promise<Answer> {
    const owner = this.#ownerOf(name);
    if (this.#mayBegin(owner) && owner.waiting.length === 0) this.#count(owner, 1);
    else await this.#enqueue(owner, isGone);
    try {
      return await read();
    } finally {
      this.#count(owner, -1);
      this.#rotate(owner);
      this.#next();
      this.#forget(owner);
    }
  }

  #enqueue(owner: Owner, isGone: () => boolean): Promise<void> {
    const { maxWaiting, maxWaitingPerOwner } = this.#options;
    const isOwnerFull = owner.waiting.length >= maxWaitingPerOwner;
    if (isOwnerFull || this.#waiting >= maxWaiting) {
      this.#forget(owner);
      const whose = isOwnerFull ? ' of this token' : '';
      throw new ApiRefusal(isOwnerFull ? 429 : 503, `too many requests${whose} are waiting`, {
        remedy: 'ask again after Retry-After, and fewer at once',
        retryAfterS: RETRY_AFTER_S,
      });
    }
    return new Promise<void>((resolve, reject) => {
      let isLate = false;
      const cancel = this.#clock.after(this.#options.maxWaitMs, () => {
        isLate = true;
        const remedy = 'ask again in a few seconds, and fewer at once';
        reject(new StoreUnavailableError('no read of the database came free in time', { remedy }));
      });
      const begin = (): void => {
        cancel();
        if (isGone()) reject(new ApiRefusal(503, 'the client is gone'));
        else resolve();
      };
      owner.waiting.push({ isGone: () => isLate || isGone(), begin });
      this.#waiting += 1;
      this.#rotate(owner);
    });
  }

  /** Begins what may begin. One that is gone gives its slot back by itself. */
  #next(): void {
    while (this.#running < this.#options.maxReads) {
      const owner = this.#rotation.shift();
      if (owner === undefined) return;
      owner.isInRotation = false;
      const waiting = this.#take(owner);
      if (waiting !== undefined) {
        this.#count(owner, 1);
        waiting.begin();
      }
      this.#rotate(owner);
      this.#forget(owner);
    }
  }

  /** The next one of an owner that is not gone; those that are do not begin. */
  #take(owner: Owner): Waiting | undefined {
    for (;;) {
      const waiting = owner.waiting.shift();
      if (waiting === undefined) return undefined;
      this.#waiting -= 1;
      if (!waiting.isGone()) return waiting;
      waiting.begin();
    }
  }

  #rotate(owner: Owner): void {
    if (owner.isInRotation || owner.waiting.length === 0) return;
    if (owner.running >= this.#options.maxReadsPerOwner) return;
    owner.isInRotation = true;
    this.#rotation.push(owner);
  }

  #mayBegin(owner: Owner): boolean {
    return this.#running < this.#options.maxReads && owner.running < this.#options.maxReadsPerOwner;
  }

  #count(owner: Owner, step: 1 | -1): void {
    this.#running += step;
    owner.running += step;
  }

  #ownerOf(name: string): Owner {
    let owner = this.#owners.get(name);
    if (owner === undefined) {
      owner = { name, running: 0, waiting: new Fifo(), isInRotation: false };
      this.#owners.set(name, owner);
    }
    return owner;
  }

  #forget(owner: Owner): void {
    if (owner.running === 0 && owner.waiting.length === 0) this.#owners.delete(owner.name);
  }
}
