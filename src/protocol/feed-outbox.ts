/** A frame as the outbox sees it. `skip` frames declare a gap and hold no ticks. */
export interface OutboxFrame {
  readonly seq: number;
  readonly prev: number;
  readonly ticks: number;
  readonly bytes: number;
  readonly skip: boolean;
}

export interface OutboxLimits {
  /** How long committed frames are kept, for a database restored from a backup. */
  readonly graceMs: number;
  readonly graceBytes: number;
}

interface Kept<F> {
  readonly frame: F;
  committedAtMs: number;
}

/**
 * Outbox of a feed: its side of the delivery contract, as pure rules for keeping, sending and freeing frames.
 * Frames are kept until `committed`, and a grace after it; a frame once sent never changes; after every `opened` the
 * feed goes on behind the buffer's last frame, and frames that it cannot supply any more are declared by a skip.
 *
 * Kept frames form a chain: each `prev` is the `seq` before it. No clock: time is passed in.
 */
export class FeedOutbox<F extends OutboxFrame> {
  readonly #limits: OutboxLimits;
  readonly #makeSkip: (to: number, next: number) => F;
  #kept: Array<Kept<F>> = [];
  /** Index of the first frame not committed, and of the first not sent on this connection. */
  #committedEnd = 0;
  #sentEnd = 0;
  #last = 0;
  #start: number | undefined;
  #committed = 0;
  #uncommittedBytes = 0;
  #graceBytes = 0;
  #inFlightTicks = 0;

  /** @param makeSkip builds the frame that declares a gap */
  constructor(limits: OutboxLimits, makeSkip: (to: number, next: number) => F) {
    this.#limits = limits;
    this.#makeSkip = makeSkip;
  }

  /** Seq of the newest frame: the `prev` of the next one. */
  get last(): number {
    return this.#last;
  }

  /**
   * Where this process began to number: the `have` of its opens. Frames above it were written by this process, or by
   * a second program of the same name. (The highest seq told accepted would not do: after the buffer lost frames
   * another program may have used their numbers.)
   */
  get have(): number {
    return this.#start ?? 0;
  }

  get committed(): number {
    return this.#committed;
  }

  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }

  get uncommittedFrames(): number {
    return this.#kept.length - this.#committedEnd;
  }

  get unsentFrames(): number {
    return this.#kept.length - this.#sentEnd;
  }

  /** @throws {RangeError} when the frame does not continue the chain */
  add(frame: F): void {
    if (frame.prev !== this.#last || frame.seq <= frame.prev) throw new RangeError('frame does not continue the feed');
    this.#push(frame);
  }

  /**
   * Takes a frame of a journal back, before the first open. The oldest one begins the chain, and our claim. Where
   * the journal has a hole (its machine died before it was written) the hole is declared.
   */
  restore(frame: F): void {
    if (this.#kept.length === 0) {
      this.#last = frame.prev;
      this.#start = frame.prev;
    }
    if (frame.prev > this.#last) this.#push(this.#makeSkip(this.#last, frame.prev));
    this.add(frame);
  }

  /** The next frame to send within the window (frames and ticks in flight uncommitted), or undefined. Marks it sent. */
  takeNext(windowFrames: number, windowTicks: number): F | undefined {
    const next = this.#kept[this.#sentEnd];
    if (next === undefined) return undefined;
    const inFlightFrames = this.#sentEnd - this.#committedEnd;
    const fits = inFlightFrames < windowFrames && this.#inFlightTicks + next.frame.ticks <= windowTicks;
    if (inFlightFrames > 0 && !fits) return undefined;
    this.#sentEnd += 1;
    this.#inFlightTicks += next.frame.ticks;
    return next.frame;
  }

  /** `committed`: frees frames past their grace. @returns seq up to which everything is durable */
  committedUpTo(seq: number, nowMs: number): number {
    let entry = this.#kept[this.#committedEnd];
    while (entry !== undefined && entry.frame.seq <= seq) {
      entry.committedAtMs = nowMs;
      this.#uncommittedBytes -= entry.frame.bytes;
      this.#graceBytes += entry.frame.bytes;
      if (this.#committedEnd < this.#sentEnd) this.#inFlightTicks -= entry.frame.ticks;
      else this.#sentEnd += 1;
      this.#committedEnd += 1;
      entry = this.#kept[this.#committedEnd];
    }
    this.#committed = Math.max(this.#committed, seq);
    this.#expire(nowMs);
    return this.#committed;
  }

  /**
   * `opened`: decides where to go on. A gap that cannot be supplied becomes a skip frame at the head of the
   * frames to send.
   * @returns `conflict` when `accepted` lies inside one of our frames: another program numbered this feed differently
   */
  opened(accepted: number, committed: number, nowMs: number): 'go-on' | 'conflict' {
    this.#start ??= accepted;
    // Frames after a position that moved back (a restored database) count as never committed.
    this.#committed = Math.min(this.#committed, accepted);
    const from = this.#kept.findIndex((entry) => entry.frame.seq > accepted);
    const start = from < 0 ? this.#kept.length : from;
    let first = this.#kept[start]?.frame;
    if (first?.skip === true && first.prev < accepted) {
      // Of a gap declared once the database that came back holds a part: the rest is declared.
      first = this.#makeSkip(accepted, first.seq);
      this.#kept[start] = { frame: first, committedAtMs: 0 };
    }
    if (first !== undefined && first.prev < accepted) return 'conflict';
    this.#last = Math.max(this.#last, accepted);
    const missing = first === undefined ? this.#last : first.prev;
    if (missing > accepted) this.#insertSkip(start, accepted, missing);
    this.#restartAt(start);
    this.committedUpTo(Math.min(committed, accepted), nowMs);
    return 'go-on';
  }

  /** Frames sent but not committed, and unsent ones, oldest first. */
  *uncommitted(): Generator<F> {
    for (let i = this.#committedEnd; i < this.#kept.length; i++) {
      const entry = this.#kept[i];
      if (entry !== undefined) yield entry.frame;
    }
  }

  #push(frame: F): void {
    this.#kept.push({ frame, committedAtMs: 0 });
    this.#last = frame.seq;
    this.#uncommittedBytes += frame.bytes;
  }

  #insertSkip(at: number, to: number, next: number): void {
    this.#kept.splice(at, 0, { frame: this.#makeSkip(to, next), committedAtMs: 0 });
  }

  /** Everything from `start` on is unsent, and no longer committed. */
  #restartAt(start: number): void {
    this.#committedEnd = Math.min(this.#committedEnd, start);
    this.#sentEnd = start;
    this.#uncommittedBytes = 0;
    this.#graceBytes = 0;
    this.#inFlightTicks = 0;
    this.#kept.forEach(({ frame }, index) => {
      if (index < this.#committedEnd) this.#graceBytes += frame.bytes;
      else this.#uncommittedBytes += frame.bytes;
      if (index >= this.#committedEnd && index < this.#sentEnd) this.#inFlightTicks += frame.ticks;
    });
  }

  #expire(nowMs: number): void {
    let drop = 0;
    for (; drop < this.#committedEnd; drop++) {
      const entry = this.#kept[drop];
      if (entry === undefined) break;
      const keep = this.#graceBytes <= this.#limits.graceBytes && nowMs - entry.committedAtMs <= this.#limits.graceMs;
      if (keep) break;
      this.#graceBytes -= entry.frame.bytes;
    }
    // Cutting the front of an array is linear: done when it is worth it, or when the array is small anyway.
    if (drop === 0) return;
    this.#kept.splice(0, drop);
    this.#committedEnd -= drop;
    this.#sentEnd -= drop;
  }
}
