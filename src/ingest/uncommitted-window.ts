/**
 * What a feed has in flight: frames taken from it and not yet committed. Pure arithmetic over a ring of frames; the
 * window's bound is what ends reading from the feed.
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

  /** Far beyond the bound: a feed that goes on although it is not read cannot get here by accident. */
  get isOverrun(): boolean {
    return this.frames > this.#maxFrames * 2 || this.#totalTicks > this.#maxTicks * 2;
  }

  add(seq: number, ticks: number): void {
    this.#seqs.push(seq);
    this.#ticks.push(ticks);
    this.#totalTicks += ticks;
  }

  committed(seq: number): void {
    while (this.#head < this.#seqs.length && (this.#seqs[this.#head] ?? 0) <= seq) {
      this.#totalTicks -= this.#ticks[this.#head] ?? 0;
      this.#head += 1;
    }
    if (this.#head < 1_024 || this.#head * 2 < this.#seqs.length) return;
    this.#seqs = this.#seqs.slice(this.#head);
    this.#ticks = this.#ticks.slice(this.#head);
    this.#head = 0;
  }
}
