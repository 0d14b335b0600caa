/** Identity of an entry that could not be stored: to be trimmed once its feed has another generation. */
export interface StaleEntry {
  readonly id: string;
  readonly feed: string;
  readonly generation: string;
}

export interface ResumeWindow {
  readonly windowMs: number;
  readonly windowBytes: number;
}

/** Bound of entries remembered here, whatever their size: beyond it the oldest are trimmed early. */
const MAX_RETAINED_ENTRIES = 500_000;
const MAX_STALE_A_ROUND = 2_000;

/**
 * Committed entries stay in the stream for a resume window, for dashboards that reconnect and for a database restored
 * from a backup. This remembers them until they are due. Pure: time is passed in.
 */
export class RetainedEntries {
  readonly #window: ResumeWindow;
  #ids: string[] = [];
  #bytes: number[] = [];
  #atMs: number[] = [];
  #head = 0;
  #totalBytes = 0;
  readonly #stale = new Map<string, StaleEntry>();

  constructor(window: ResumeWindow) {
    this.#window = window;
  }

  committed(id: string, bytes: number, nowMs: number): void {
    this.#ids.push(id);
    this.#bytes.push(bytes);
    this.#atMs.push(nowMs);
    this.#totalBytes += bytes;
    this.#stale.delete(id);
  }

  stale(entry: StaleEntry): void {
    this.#stale.set(entry.id, entry);
  }

  /** Takes out the committed entries that are due. */
  takeDue(nowMs: number): string[] {
    const due: string[] = [];
    for (let at = this.#head; at < this.#ids.length; at++) {
      const isOld = nowMs - (this.#atMs[at] ?? 0) >= this.#window.windowMs;
      const isOver = this.#totalBytes > this.#window.windowBytes || this.#ids.length - at > MAX_RETAINED_ENTRIES;
      if (!isOld && !isOver) break;
      due.push(this.#ids[at] ?? '');
      this.#totalBytes -= this.#bytes[at] ?? 0;
      this.#head = at + 1;
    }
    this.#compact();
    return due;
  }

  /** Entries left over that may be trimmed now, if the script finds their feed with another generation. */
  staleRound(): StaleEntry[] {
    return [...this.#stale.values()].slice(0, MAX_STALE_A_ROUND);
  }

  gone(ids: readonly string[]): void {
    for (const id of ids) this.#stale.delete(id);
  }

  /** Another stream, or the same read from its start: what was remembered means nothing. */
  clear(): void {
    this.#ids = [];
    this.#bytes = [];
    this.#atMs = [];
    this.#head = 0;
    this.#totalBytes = 0;
    this.#stale.clear();
  }

  #compact(): void {
    if (this.#head < 4_096 || this.#head * 2 < this.#ids.length) return;
    this.#ids = this.#ids.slice(this.#head);
    this.#bytes = this.#bytes.slice(this.#head);
    this.#atMs = this.#atMs.slice(this.#head);
    this.#head = 0;
  }
}
