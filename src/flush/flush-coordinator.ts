import { describeError, StoreSchemaError } from '../errors.ts';
import { flushLogger } from '../logger.ts';
import { SchemaDriftError } from './batch-writer.ts';
import type {
  CoordinatorBuffer,
  CoordinatorObserver,
  CoordinatorOptions,
  CoordinatorState,
  CoordinatorStore,
  FlushReport,
} from './coordinator-ports.ts';
import { FlushCycle } from './flush-cycle.ts';
import { FlushSession } from './flush-session.ts';
import { DivergenceCheck } from './divergence-check.ts';

const STANDBY_MS = 500;
const MAX_POLL_MS = 20;
/** A flush of this part of the largest one is followed by the next without waiting. */
const BUSY_PART = 10;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/**
 * Decides when to flush and who does: one coordinator leads, the others stand by and read nothing. After a failure
 * nothing is guessed: rows and stream are read again from what is certain.
 */
export class FlushCoordinator {
  readonly #buffer: CoordinatorBuffer;
  readonly #store: CoordinatorStore;
  readonly #options: CoordinatorOptions;
  readonly #observer: CoordinatorObserver;
  readonly #cycle: FlushCycle;
  readonly #divergence: DivergenceCheck;
  #session: FlushSession | undefined;
  #retryMs = FIRST_RETRY_MS;
  #lastFlushMs = 0;
  #lastRows = 0;
  #wanted = false;
  /** Waiting as the leader with nothing wrong: only such a wait ends when a flush is asked for. */
  #isReadyToFlush = false;
  #stopping = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;
  #state: CoordinatorState = { doing: 'starting' };

  constructor(
    buffer: CoordinatorBuffer,
    store: CoordinatorStore,
    options: CoordinatorOptions,
    observer: CoordinatorObserver = {},
  ) {
    this.#buffer = buffer;
    this.#store = store;
    this.#options = options;
    this.#observer = observer;
    this.#cycle = new FlushCycle(buffer, store, options);
    this.#divergence = new DivergenceCheck(buffer, store, (feed) => observer.onInvalidated?.(feed));
  }

  get state(): CoordinatorState {
    return this.#state;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Flushes as soon as possible, whatever the interval. */
  requestFlush(): void {
    this.#wanted = true;
    if (this.#isReadyToFlush) this.#wake?.();
  }

  /** Flushes what is in the buffer, for `drainMs` at the most, and ends. */
  async stop(drainMs: number): Promise<void> {
    const deadlineMs = Date.now() + drainMs;
    this.#stopping = true;
    this.#wake?.();
    await this.#loop;
    try {
      while (this.#session?.leads === true && Date.now() < deadlineMs && (await this.#flushOnce()) !== undefined);
    } catch (error) {
      flushLogger.warn({ cause: describeError(error) }, 'the last flush failed; the ticks stay in the buffer');
    }
    await this.#endSession();
    this.#state = { doing: 'stopped' };
  }

  /**
   * Flushes once everything that is in the buffer, for a command.
   * @param onLeading it is connected and leads, and begins to read
   * @returns ticks stored, or undefined when another coordinator leads
   * @throws what kept it from flushing
   */
  async flushAll(onLeading: () => void = () => undefined): Promise<number | undefined> {
    try {
      if (!(await this.#lead())) return undefined;
      onLeading();
      let stored = 0;
      for (let report = await this.#flushOnce(); report !== undefined; report = await this.#flushOnce())
        stored += report.rows;
      return stored;
    } finally {
      await this.#endSession();
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        if (!this.#buffer.isUp) {
          this.#state = { doing: 'waiting', why: 'Redis cannot be reached' };
          await this.#pause(STANDBY_MS);
        } else if (await this.#lead()) {
          this.#state = { doing: 'leading' };
          await this.#turn();
          this.#retryMs = FIRST_RETRY_MS;
        } else {
          this.#state = { doing: 'standby' };
          this.#wanted = false;
          await this.#pause(STANDBY_MS);
        }
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** One turn as the leader: flush if it is due, else judge places and wait a little. */
  async #turn(): Promise<void> {
    if (this.#cycle.hasMore || (await this.#isDue())) {
      const report = await this.#flushOnce();
      if (report !== undefined && !this.#cycle.isAtEnd) return;
    }
    await this.#divergence.turn(Date.now(), { readToEnd: (fromStart) => this.#readToEnd(fromStart) });
    if (this.#wanted) return;
    this.#isReadyToFlush = true;
    const untilDueMs = this.#lastFlushMs + this.#options.flushIntervalMs - Date.now();
    await this.#pause(Math.min(MAX_POLL_MS, Math.max(1, untilDueMs)));
    this.#isReadyToFlush = false;
  }

  async #isDue(): Promise<boolean> {
    const isOverdue = Date.now() - this.#lastFlushMs >= this.#options.flushIntervalMs;
    const wanted = this.#wanted;
    this.#wanted = false;
    // Under load the next batch has gathered while the last one was stored: waiting would only leave PostgreSQL idle.
    const isBusy = this.#lastRows >= this.#options.limits.maxTicks / BUSY_PART;
    if (isOverdue || wanted || isBusy) {
      this.#lastFlushMs = Date.now();
      return true;
    }
    return (await this.#buffer.pendingTicks()) >= this.#options.limits.maxTicks;
  }

  /** Flushes until everything is stored that the stream holds now; what comes meanwhile waits for its time. */
  async #readToEnd(fromStart: boolean): Promise<boolean> {
    if (fromStart) await this.#cycle.startOver();
    while (this.#session?.leads === true && !this.#stopping) {
      const wasReadBefore = this.#cycle.hasMore;
      const report = await this.#flushOnce();
      if (report === undefined) return true;
      if (report.passed.length > 0 && this.#cycle.isAtEnd && !wasReadBefore) return true;
    }
    return false;
  }

  async #flushOnce(): Promise<FlushReport | undefined> {
    const session = this.#session;
    if (session === undefined) return undefined;
    const report = await this.#cycle.flushOnce(session, !this.#stopping);
    this.#lastRows = report?.rows ?? 0;
    if (report !== undefined && report.rows + report.rejected > 0) this.#observer.onFlush?.(report);
    return report;
  }

  async #lead(): Promise<boolean> {
    if (this.#session?.isLost === true) await this.#endSession();
    this.#session ??= new FlushSession(await this.#store.connect(), this.#store);
    if (this.#session.leads) return true;
    const leads = await this.#session.tryLead(Date.now());
    if (leads) {
      flushLogger.info('leading: this coordinator flushes');
      await this.#cycle.startOver();
      this.#divergence.reset();
    }
    return leads;
  }

  async #recover(error: unknown): Promise<void> {
    this.#observer.onFailure?.(error);
    await this.#cycle.discard();
    this.#cycle.shrink();
    this.#divergence.reset();
    const why = describeError(error);
    if (error instanceof SchemaDriftError || error instanceof StoreSchemaError) {
      if (this.#state.doing !== 'halted')
        flushLogger.error({ why }, 'flushing stopped: the database is not as Tickgate needs it');
      this.#state = { doing: 'halted', why };
      return this.#pause(MAX_RETRY_MS);
    }
    flushLogger.warn({ why }, 'flush failed, trying again');
    this.#state = { doing: 'waiting', why };
    const waitMs = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    return this.#pause(waitMs);
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }

  /** Waits, or less when the end is asked for. */
  async #pause(waitMs: number): Promise<void> {
    if (this.#stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
