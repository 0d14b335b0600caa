import { TokenBucket } from '../base/token-bucket.ts';
import type { FairWorkQueue } from '../base/fair-work-queue.ts';
import type { LiveSocket } from './fanout-ports.ts';

/** Rate limit of requests: bursts are free, a flood is not. */
const REQUESTS_BURST = 200;
const REQUESTS_PER_SECOND = 20;
/** A resume counts as so many requests: it may send the ticks of the whole resume window. */
const RESUME_WEIGHT = 20;
/** Read bound: a connection of which so many requests, or so many bytes of them, wait is not read. */
const MAX_WAITING_REQUESTS = 32;
const MAX_WAITING_BYTES = 64 * 1024;

/**
 * Request intake of one dashboard: requests within the rate limit wait for their turn in the order in which they came,
 * and reading stops while too many do.
 */
export class RequestIntake {
  readonly #socket: Pick<LiveSocket, 'pause' | 'resume'>;
  readonly #work: FairWorkQueue;
  readonly #lane: object;
  readonly #rate = new TokenBucket(REQUESTS_PER_SECOND, REQUESTS_BURST, performance.now());
  #waiting = 0;
  #waitingBytes = 0;
  #isReading = true;

  /** @param lane key of the connection's work in the queue */
  constructor(socket: Pick<LiveSocket, 'pause' | 'resume'>, work: FairWorkQueue, lane: object) {
    this.#socket = socket;
    this.#work = work;
    this.#lane = lane;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /**
   * Handles a message now, or in its turn.
   * @returns false where it is one too many
   */
  take(owner: string, data: Buffer, handle: (data: Buffer) => void): boolean {
    if (!this.#rate.tryTake(performance.now())) return false;
    this.#waiting += 1;
    this.#waitingBytes += data.length;
    this.#work.run(owner, this.#lane, () => {
      this.#waiting -= 1;
      this.#waitingBytes -= data.length;
      this.#checkReading();
      handle(data);
    });
    this.#checkReading();
    return true;
  }

  /** @returns false where a resume, of a request that was taken, is one too many */
  takeResume(): boolean {
    return this.#rate.tryTake(performance.now(), RESUME_WEIGHT - 1);
  }

  /** Forgets what waits; the answer to a close has to be read. */
  end(): void {
    this.#work.drop(this.#lane);
    this.#waiting = this.#waitingBytes = 0;
    this.#checkReading();
  }

  #checkReading(): void {
    const isFull = this.#waiting >= MAX_WAITING_REQUESTS || this.#waitingBytes >= MAX_WAITING_BYTES;
    // From full to empty, not to and fro at the bound.
    const isReading = this.#isReading ? !isFull : this.#waiting === 0;
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    if (isReading) this.#socket.resume();
    else this.#socket.pause();
  }
}
