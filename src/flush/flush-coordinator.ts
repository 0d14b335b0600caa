import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';
import { describeError, StoreSchemaError } from '../errors.ts';
import { flushLogger } from '../logger.ts';
import { SchemaDriftError } from './batch-writer.ts';
import type {
  CoordinatorBuffer,
  CoordinatorObserver,
  CoordinatorOptions,
  CoordinatorState,
  CoordinatorStore,
  FlushResult,
} from './coordinator-ports.ts';
import { DivergenceCheck } from './divergence-check.ts';
import { FlushCycle } from './flush-cycle.ts';
import { FlushSession } from './flush-session.ts';

const STANDBY_MS = 500;
const MAX_POLL_MS = 20;
/** A flush of a tenth of the largest batch, or more, is followed by the next without waiting. */
const BUSY_PART = 10;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/**
 * Decides when to flush, and whether this process does: of all coordinators of a deployment one leads.
 *
 * Modes, as `state` names them, and the transitions that leave each:
 *
 * - `starting`: `start()` has not come to its first turn.
 *   - → `waiting`, `standby`, `leading` or `halted`, by the first attempt to lead
 * - `standby`: another session holds the leader lock. Reads nothing. Tries to take the lock twice a second, and ends
 *   the session of a leader that stands still ({@link FlushSession.tryLead}).
 *   - → `leading` when it has the lock; the watermarks and the stream are then read from the start
 *   - → `waiting` when Redis is away, or on any error
 * - `leading`: holds the leader lock. Flushes when the interval has gone by, when asked to (`requestFlush()`), or under
 *   load at once; between flushes it runs the divergence check and waits for at most 20 ms.
 *   - → `standby` when a transaction finds the lock with another session, or the connection was lost and another took it
 *   - → `waiting` when Redis is away, or on any error: the prefetched batch and the watermarks are discarded, batches
 *     are halved
 *   - → `halted` when the error says that the tables are not as Tickgate needs them
 * - `waiting`: Redis is away (tries again twice a second), or an attempt failed (tries again after 0.1 s to 5 s, twice
 *   as long after each failure; a turn that succeeds resets it). It may still hold the lock.
 *   - → as from `starting`
 * - `halted`: as `waiting`, every 5 s: somebody has to mend the tables. Nothing is rejected meanwhile.
 *   - → `leading` when a turn has succeeded; `standby` and `waiting` as from `starting`
 * - `stopped`: `stop()` has flushed what it could in its time, and has given the lock back. Final.
 *
 * Every mode goes to `stopped` by `stop()`.
 */
export class FlushCoordinator {
  readonly #buffer: CoordinatorBuffer;
  readonly #store: CoordinatorStore;
  readonly #options: CoordinatorOptions;
  readonly #observer: CoordinatorObserver;
  readonly #clock: Clock;
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
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#cycle = new FlushCycle(buffer, store, options);
    this.#divergence = new DivergenceCheck(buffer, store, (feed) => observer.onInvalidated?.(feed));
  }

  /** The mode, as above; for /readyz. */
  get state(): CoordinatorState {
    return this.#state;
  }

  /** Begins to lead or stand by, and goes on through every failure until `stop()`. Again: nothing. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Flushes as soon as possible, whatever the interval. */
  requestFlush(): void {
    this.#wanted = true;
    if (this.#isReadyToFlush) this.#wake?.();
  }

  /** Flushes what is in the buffer and ends; begins no flush after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    const deadlineMs = this.#clock.now() + drainMs;
    this.#stopping = true;
    this.#wake?.();
    await this.#loop;
    try {
      while (this.#session?.leads === true && this.#clock.now() < deadlineMs)
        if ((await this.#flushOnce(this.#session)).kind === 'nothing-new') break;
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
      const session = await this.#lead();
      if (session === undefined) return undefined;
      onLeading();
      let stored = 0;
      for (;;) {
        const result = await this.#flushOnce(session);
        if (result.kind === 'nothing-new') return stored;
        if (result.kind === 'flushed') stored += result.report.rows;
      }
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
          continue;
        }
        const session = await this.#lead();
        if (session === undefined) {
          this.#state = { doing: 'standby' };
          this.#wanted = false;
          await this.#pause(STANDBY_MS);
        } else {
          if (this.#state.doing !== 'halted') this.#state = { doing: 'leading' };
          await this.#turn(session);
          this.#state = { doing: 'leading' };
          this.#retryMs = FIRST_RETRY_MS;
        }
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** One turn as the leader: a flush if it is due; else the divergence check, and a short wait. */
  async #turn(session: FlushSession): Promise<void> {
    if (this.#cycle.hasPrefetched || (await this.#isDue())) {
      const { kind, atEnd } = await this.#flushOnce(session);
      if (kind === 'lost-leadership') return this.#pause(MAX_POLL_MS);
      if (!atEnd) return;
    }
    const readToEnd = (fromStart: boolean): Promise<boolean> => this.#readToEnd(session, fromStart);
    await this.#divergence.turn(this.#clock.now(), { readToEnd });
    if (this.#wanted) return;
    this.#isReadyToFlush = true;
    const untilDueMs = this.#lastFlushMs + this.#options.flushIntervalMs - this.#clock.now();
    await this.#pause(Math.min(MAX_POLL_MS, Math.max(1, untilDueMs)));
    this.#isReadyToFlush = false;
  }

  async #isDue(): Promise<boolean> {
    const isOverdue = this.#clock.now() - this.#lastFlushMs >= this.#options.flushIntervalMs;
    const wanted = this.#wanted;
    this.#wanted = false;
    // Under load the next batch has gathered while the last one was stored: waiting would only leave PostgreSQL idle.
    const isBusy = this.#lastRows >= this.#options.limits.maxTicks / BUSY_PART;
    if (isOverdue || wanted || isBusy) {
      this.#lastFlushMs = this.#clock.now();
      return true;
    }
    return (await this.#buffer.pendingTicks()) >= this.#options.limits.maxTicks;
  }

  /** Flushes until everything is stored that the stream holds now; entries that come meanwhile wait for their time. */
  async #readToEnd(session: FlushSession, fromStart: boolean): Promise<boolean> {
    if (fromStart) await this.#cycle.startOver();
    while (session.leads && !this.#stopping) {
      const wasReadBefore = this.#cycle.hasPrefetched;
      const { kind, atEnd } = await this.#flushOnce(session);
      if (kind === 'nothing-new' || (kind === 'flushed' && atEnd && !wasReadBefore)) return true;
    }
    return false;
  }

  async #flushOnce(session: FlushSession): Promise<FlushResult> {
    const result = await this.#cycle.flushOnce(session, !this.#stopping);
    const { rows, rejected } = result.kind === 'flushed' ? result.report : { rows: 0, rejected: 0 };
    this.#lastRows = rows;
    if (result.kind === 'flushed' && rows + rejected > 0) this.#observer.onFlush?.(result.report);
    if (result.kind === 'lost-leadership') session.stepDown();
    return result;
  }

  /** The session, if it leads or can take the lead; undefined on standby. */
  async #lead(): Promise<FlushSession | undefined> {
    if (this.#session?.isLost === true) await this.#endSession();
    this.#session ??= new FlushSession(await this.#store.connect(), this.#store, this.#clock);
    const session = this.#session;
    if (session.leads) return session;
    if (!(await session.tryLead())) return undefined;
    flushLogger.info('leading: this coordinator flushes');
    await this.#cycle.startOver();
    this.#divergence.reset();
    return session;
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

  /** Waits; `stop()` ends it, and so does `requestFlush()` while this leads and nothing is wrong. */
  async #pause(waitMs: number): Promise<void> {
    if (this.#stopping) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(waitMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
