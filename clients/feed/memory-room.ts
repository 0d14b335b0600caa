import { FeedMemoryError } from './feed-errors.ts';

/** Measured heap of a call of `publish` that waits: its promises, its execution state and its tick. */
const WAITING_CALL_BYTES = 1_024;
const WAITING_TICK_BYTES = 128;
/** Fewer calls, with fewer bytes, may wait in any case: concurrent callers, each of which waits for its own. */
const ALWAYS_WAIT_CALLS = 1_000;
const ALWAYS_WAIT_BYTES = 16 * 1024 * 1024;

/**
 * Back-pressure of the outbox: calls wait while its memory is full. The calls that wait take memory themselves, which
 * a program that does not wait for them would fill without end; so they count, and one too many is refused.
 */
export class MemoryRoom {
  readonly #limitBytes: number;
  readonly #heldBytes: () => number;
  #resumes: Array<() => void> = [];
  #waitingCalls = 0;
  #waitingBytes = 0;

  /** @param heldBytes memory of the uncommitted frames and the batch */
  constructor(limitBytes: number, heldBytes: () => number) {
    this.#limitBytes = limitBytes;
    this.#heldBytes = heldBytes;
  }

  get isFull(): boolean {
    return this.#heldBytes() > this.#limitBytes;
  }

  /**
   * A call begins to wait, with `ticks` ticks; `leave` ends it.
   * @throws {FeedMemoryError} when memory is full, and 1,000 calls or 16 MiB of calls wait already
   */
  enter(ticks: number): void {
    const bytes = bytesOf(ticks);
    const isFull = this.#heldBytes() + this.#waitingBytes + bytes > this.#limitBytes;
    if (isFull && (this.#waitingCalls >= ALWAYS_WAIT_CALLS || this.#waitingBytes >= ALWAYS_WAIT_BYTES)) {
      throw new FeedMemoryError(
        `maxMemoryBytes (${this.#limitBytes}) is full and ${this.#waitingCalls} calls wait: wait for each call (await) before the next, or raise the limit`,
      );
    }
    this.#waitingCalls += 1;
    this.#waitingBytes += bytes;
  }

  leave(ticks: number): void {
    this.#waitingCalls -= 1;
    this.#waitingBytes -= bytesOf(ticks);
  }

  /** Resolves with the next change: something was committed, or the feed failed. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#resumes.push(resolve));
  }

  /** Something was committed, or the feed failed. */
  change(): void {
    const resumes = this.#resumes;
    this.#resumes = [];
    for (const resume of resumes) resume();
  }
}

function bytesOf(ticks: number): number {
  return WAITING_CALL_BYTES + ticks * WAITING_TICK_BYTES;
}
