import { ByteWriter } from '../market/byte-writer.ts';
import { type EntryFrame, writeStreamEntry } from '../stream/stream-entry.ts';
import type { AppendResult } from '../stream/append-request.ts';
import type { AppendBuffer } from './feed-ports.ts';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.ts';

/** Most bytes of one entry: few enough for Redis to move at once, enough for a turn's frames. */
const MAX_RUN_BYTES = 192 * 1024;
/**
 * Most frames of one entry. Frames of one tick take 31 bytes each: 440 of them fill a 14 KiB block of Redis's allocator;
 * larger blocks waste up to a fifth.
 */
const MAX_RUN_FRAMES = 440;
const FIRST_HOLD_MS = 20;
const MAX_HOLD_MS = 500;

/** Append results that end the session: the feed's state is gone, or nobody knows. */
export type AppendFailure = Extract<AppendResult, 'lost-state' | 'lost-chain' | 'session' | 'unanswered'>;

export interface AppendQueueOptions {
  readonly feed: string;
  readonly session: string;
  readonly writer: string;
  readonly live: boolean;
  readonly buffer: AppendBuffer;
  /** Every frame up to `seq` is in the buffer. */
  readonly onAppended: (seq: number, frames: readonly EntryFrame[]) => void;
  /** The feed's state is lost; the queue has ended. */
  readonly onLost: (failure: AppendFailure) => void;
  /** The buffer takes nothing for now (true), or takes frames again (false); the queue tries again by itself. */
  readonly onHold: (isHeld: boolean) => void;
  readonly clock?: Clock | undefined;
}

/**
 * Append queue: a feed's frames on their way into the buffer. At most one append is under way; frames that arrive
 * meanwhile become the next entry, so they merge the more the busier it is. An append that stays unanswered is never
 * sent again. Not bounded: the session bounds it by its window.
 */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  readonly #clock: Clock;
  #waiting: EntryFrame[] = [];
  /**
   * Encoding scratch, kept while frames keep coming. Reused only when the entry before is answered: one that stays
   * unanswered is the last.
   */
  #entry: ByteWriter | undefined;
  #isRunning = false;
  #isEnded = false;
  #drainWaiters: Array<() => void> = [];

  constructor(options: AppendQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  push(frame: EntryFrame): void {
    if (this.#isEnded) return;
    this.#waiting.push(frame);
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Batching: at the end of this turn of the event loop, so that all frames of one socket read go together.
    setImmediate(() => void this.#run());
  }

  /** Ends the queue: nothing more is sent; the append under way is not taken back. */
  end(): void {
    this.#isEnded = true;
    this.#waiting = [];
  }

  /** Resolves when no append is under way and no frame waits; any number of callers may wait. */
  async drained(): Promise<void> {
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => this.#drainWaiters.push(resolve));
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const frames = this.#takeRun();
      const result = await this.#appendHolding(frames);
      if (this.#isEnded) break;
      if (result !== 'appended' && result !== 'repeat') {
        this.end();
        this.#options.onLost(result);
        break;
      }
      this.#options.onAppended(frames.at(-1)?.seq ?? 0, frames);
    }
    this.#entry = undefined;
    this.#isRunning = false;
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }

  #takeRun(): EntryFrame[] {
    let bytes = 0;
    let end = 0;
    for (; end < this.#waiting.length && end < MAX_RUN_FRAMES; end++) {
      const size = sizeOf(this.#waiting[end]);
      if (end > 0 && bytes + size > MAX_RUN_BYTES) break;
      bytes += size;
    }
    const run = this.#waiting.slice(0, end);
    this.#waiting = end === this.#waiting.length ? [] : this.#waiting.slice(end);
    return run;
  }

  /** Appends, and tries again for as long as it is certain that nothing was stored. */
  async #appendHolding(frames: readonly EntryFrame[]): Promise<'appended' | 'repeat' | AppendFailure> {
    const { buffer, feed, session, writer, live, onHold } = this.#options;
    let ticks = 0;
    for (const frame of frames) ticks += frame.count;
    const entry = (this.#entry ??= new ByteWriter());
    writeStreamEntry(entry, { feed, writer, live, acceptedAtMs: this.#clock.now(), frames });
    const request = {
      feed,
      session,
      writer,
      live,
      prev: frames[0]?.prev ?? 0,
      last: frames.at(-1)?.seq ?? 0,
      ticks,
      entry: entry.view(),
    };
    let holdMs = FIRST_HOLD_MS;
    for (;;) {
      const result = await buffer.append(request);
      if (result !== 'full' && result !== 'refused' && result !== 'unsent') {
        if (holdMs > FIRST_HOLD_MS) onHold(false);
        return result;
      }
      if (this.#isEnded) return 'lost-state';
      if (holdMs === FIRST_HOLD_MS) onHold(true);
      const waitMs = holdMs;
      await new Promise<void>((resolve) => void this.#clock.after(waitMs, resolve));
      if (this.#isEnded) return 'lost-state';
      holdMs = Math.min(MAX_HOLD_MS, holdMs * 2);
    }
  }
}

function sizeOf(frame: EntryFrame | undefined): number {
  if (frame === undefined) return 0;
  let size = frame.rows.length + 16;
  for (const rejected of frame.rejected) size += rejected.raw.length + 8;
  return size;
}
