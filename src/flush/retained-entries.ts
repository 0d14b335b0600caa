import { Fifo } from '../base/fifo.ts';
import type { StaleEntry } from '../stream/stale-entry.ts';

export interface ResumeWindow {
  readonly windowMs: number;
  readonly windowBytes: number;
}

/** Entries remembered here at most, whatever their size: beyond it the oldest are trimmed early. */
const MAX_RETAINED_ENTRIES = 500_000;
const MAX_STALE_A_ROUND = 2_000;

interface RetainedEntry {
  readonly id: string;
  readonly bytes: number;
  readonly committedAtMs: number;
}

/**
 * Committed entries stay in the stream for a resume window, for dashboards that reconnect and for a database restored
 * from a backup. This remembers them until they are due. Pure: time is passed in.
 */
export class RetainedEntries {
  readonly #window: ResumeWindow;
  readonly #committed = new Fifo<RetainedEntry>();
  #totalBytes = 0;
  readonly #stale = new Map<string, StaleEntry>();

  constructor(window: ResumeWindow) {
    this.#window = window;
  }

  /** Remembers an entry whose ticks are stored. */
  committed(id: string, bytes: number, nowMs: number): void {
    this.#committed.push({ id, bytes, committedAtMs: nowMs });
    this.#totalBytes += bytes;
    this.#stale.delete(id);
  }

  /** Remembers an entry of which something could not be stored. */
  stale(entry: StaleEntry): void {
    this.#stale.set(entry.id, entry);
  }

  /** Takes out the committed entries that are due, oldest first. */
  takeDue(nowMs: number): string[] {
    const { windowMs, windowBytes } = this.#window;
    const due: string[] = [];
    for (let oldest = this.#committed.at(0); oldest !== undefined; oldest = this.#committed.at(0)) {
      const isOld = nowMs - oldest.committedAtMs >= windowMs;
      const isOver = this.#totalBytes > windowBytes || this.#committed.length > MAX_RETAINED_ENTRIES;
      if (!isOld && !isOver) break;
      due.push(oldest.id);
      this.#totalBytes -= oldest.bytes;
      this.#committed.shift();
    }
    return due;
  }

  /** Stale entries that may be trimmed now, if the script finds their feed with another generation. */
  staleRound(): StaleEntry[] {
    return [...this.#stale.values()].slice(0, MAX_STALE_A_ROUND);
  }

  /** Forgets stale entries that the script has removed. */
  gone(ids: readonly string[]): void {
    for (const id of ids) this.#stale.delete(id);
  }

  /** Forgets everything: the stream is another one, or is read from its start again. */
  clear(): void {
    this.#committed.clear();
    this.#totalBytes = 0;
    this.#stale.clear();
  }
}
