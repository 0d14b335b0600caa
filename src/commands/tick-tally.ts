/** Counts ticks by the answers to their frames: the wire speaks of sequence numbers, people ask about ticks. */
export class TickTally {
  #published = 0;
  #acked = 0;
  #committed = 0;
  /** Frames not known committed: their seq, and how many ticks were published up to them. */
  readonly #frames: Array<{ readonly seq: number; readonly ticks: number }> = [];

  get published(): number {
    return this.#published;
  }

  get acked(): number {
    return this.#acked;
  }

  get committed(): number {
    return this.#committed;
  }

  /** A frame of `ticks` ticks was published; in rising order of seq. */
  add(seq: number, ticks: number): void {
    this.#published += ticks;
    this.#frames.push({ seq, ticks: this.#published });
  }

  ackedUpTo(seq: number): void {
    const frame = this.#frames[this.#countUpTo(seq) - 1];
    if (frame !== undefined) this.#acked = Math.max(this.#acked, frame.ticks);
  }

  committedUpTo(seq: number): void {
    const count = this.#countUpTo(seq);
    const frame = this.#frames[count - 1];
    if (frame === undefined) return;
    this.#committed = frame.ticks;
    this.#acked = Math.max(this.#acked, frame.ticks);
    this.#frames.splice(0, count);
  }

  /** How many of the frames have a seq up to this one. */
  #countUpTo(seq: number): number {
    let [low, high] = [0, this.#frames.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#frames[middle]?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
