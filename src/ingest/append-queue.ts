import { ByteWriter } from '../market/byte-writer.ts';
import { type EntryFrame, writeStreamEntry } from '../stream/stream-entry.ts';
import type { AppendResult } from '../stream/append-request.ts';
import type { AppendBuffer } from './feed-ports.ts';

/** Bounds of one entry: small enough for Redis to move at once, large enough to carry a turn's frames. */
const MAX_RUN_BYTES = 192 * 1024;
/**
 * Frames of one tick take 31 bytes each: 440 of them fill a 14 KiB block of Redis's allocator. Above that its blocks are
 * up to a fifth larger than what is put into them.
 */
const MAX_RUN_FRAMES = 440;
const FIRST_HOLD_MS = 20;
const MAX_HOLD_MS = 500;

export interface AppendQueueOptions {
  readonly feed: string;
  readonly session: string;
  readonly writer: string;
  readonly live: boolean;
  readonly buffer: AppendBuffer;
  /** Every frame up to `seq` is in the buffer. */
  readonly onAppended: (seq: number, frames: readonly EntryFrame[]) => void;
  /** The place is gone; the queue has ended. */
  readonly onLost: (result: 'lost-state' | 'lost-chain' | 'session' | 'unanswered') => void;
  /** The buffer cannot take anything for now; the queue tries again by itself. */
  readonly onHold: (isHeld: boolean) => void;
}

/**
 * Frames on their way into the buffer. One script call is under way at a time; what arrives meanwhile becomes the next
 * entry, so frames merge the more the busier it is. An append that stays unanswered is never sent again.
 */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  #waiting: EntryFrame[] = [];
  /**
   * Where entries are encoded while frames keep coming: the next one only when this one is answered. One that stays
   * unanswered is the last.
   */
  #entry: ByteWriter | undefined;
  #isRunning = false;
  #isEnded = false;
  #idle: (() => void) | undefined;

  constructor(options: AppendQueueOptions) {
    this.#options = options;
  }

  push(frame: EntryFrame): void {
    if (this.#isEnded) return;
    this.#waiting.push(frame);
    if (this.#isRunning) return;
    this.#isRunning = true;
    // At the end of this turn of the event loop: all frames of one read from the socket go together.
    setImmediate(() => void this.#run());
  }

  /** Nothing more is sent; what is under way goes on. */
  end(): void {
    this.#isEnded = true;
    this.#waiting = [];
  }

  /** Waits until everything pushed so far has been answered. */
  async drained(): Promise<void> {
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => (this.#idle = resolve));
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
    this.#idle?.();
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
  async #appendHolding(frames: readonly EntryFrame[]): Promise<Exclude<AppendResult, 'full' | 'refused' | 'unsent'>> {
    const { buffer, feed, session, writer, live, onHold } = this.#options;
    let ticks = 0;
    for (const frame of frames) ticks += frame.count;
    const entry = (this.#entry ??= new ByteWriter());
    writeStreamEntry(entry, { feed, writer, live, acceptedAtMs: Date.now(), frames });
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
      await new Promise((resolve) => setTimeout(resolve, waitMs));
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
