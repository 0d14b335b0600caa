interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Promises that wait for a position to be reached. Waiters come in rising order of seq nearly always. */
export class SeqWaiters {
  #waiters: Waiter[] = [];
  #reached = 0;
  #failure: Error | undefined;

  get reached(): number {
    return this.#reached;
  }

  /** Resolves when the position reaches `seq`; rejects when that cannot happen any more. */
  wait(seq: number): Promise<void> {
    if (seq <= this.#reached) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiters.push({ seq, resolve, reject }));
  }

  advance(seq: number): void {
    if (seq <= this.#reached) return;
    this.#reached = seq;
    if (this.#waiters.length === 0) return;
    const still: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.seq <= seq) waiter.resolve();
      else still.push(waiter);
    }
    this.#waiters = still;
  }

  fail(error: Error): void {
    this.#failure = error;
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }
}
