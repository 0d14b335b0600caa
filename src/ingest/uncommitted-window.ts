/**
 * Uncommitted window: a feed's frames taken and not yet committed. Pure arithmetic over two columns of numbers (a queue
 * of objects would cost an allocation per frame, `Fifo` twice the time). A full window ends reading from the feed.
 */
export class UncommittedWindow {
  readonly #maxFrames: number;
  readonly #maxTicks: number;
  #seqs: number[] = [];
  #ticks: number[] = [];
  #head = 0;
  #totalTicks = 0;

  constructor(maxFrames: number, maxTicks: number) {
    this.#maxFrames = maxFrames;
    this.#maxTicks = maxTicks;
  }

  get frames(): number {
    return this.#seqs.length - this.#head;
  }

  get ticks(): number {
    return this.#totalTicks;
  }

  get isFull(): boolean {
    return this.frames >= this.#maxFrames || this.#totalTicks >= this.#maxTicks;
  }

  get isHalfUsed(): boolean {
    return this.frames * 2 >= this.#maxFrames || this.#totalTicks * 2 >= this.#maxTicks;
  }

  /** Overrun: more than twice the window, which a feed that heeds back-pressure cannot reach by accident. */
  get isOverrun(): boolean {
    return this.frames > this.#maxFrames * 2 || this.#totalTicks > this.#maxTicks * 2;
  }

  /** A frame was taken. Seqs must rise. */
  add(seq: number, ticks: number): void {
    this.#seqs.push(seq);
    this.#ticks.push(ticks);
    this.#totalTicks += ticks;
  }

  /** Frees every frame up to `seq`. */
  committed(seq: number): void {
    while (this.#head < this.#seqs.length && (this.#seqs[this.#head] ?? 0) <= seq) {
      this.#totalTicks -= this.#ticks[this.#head] ?? 0;
      this.#head += 1;
    }
    // Amortised compaction: done when half is dead, and not for a few.
    if (this.#head < 1_024 || this.#head * 2 < this.#seqs.length) return;
    this.#seqs = this.#seqs.slice(this.#head);
    this.#ticks = this.#ticks.slice(this.#head);
    this.#head = 0;
  }
}
