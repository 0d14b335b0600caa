import { Fifo } from './fifo.ts';

/** Releases a slot; more than once is the same as once. */
export type Release = () => void;

/**
 * Fair slots: at most so many holders at once. A free slot goes round the owners that wait, so that one with a thousand
 * in line keeps another waiting for one slot, not for a thousand.
 */
export class FairSlots {
  readonly #max: number;
  readonly #waiting = new Map<string, Fifo<() => void>>();
  /** Owners in line, the next one first. */
  readonly #rotation = new Fifo<string>();
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get held(): number {
    return this.#held;
  }

  /** Resolves when a slot is held, which must be released. */
  async acquire(owner: string): Promise<Release> {
    if (this.#held < this.#max) this.#held += 1;
    else await new Promise<void>((resolve) => this.#enqueue(owner, resolve));
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#pass();
    };
  }

  #enqueue(owner: string, grant: () => void): void {
    let line = this.#waiting.get(owner);
    if (line === undefined) {
      line = new Fifo();
      this.#waiting.set(owner, line);
      this.#rotation.push(owner);
    }
    line.push(grant);
  }

  /** Passes a slot on to the next owner in line. */
  #pass(): void {
    const owner = this.#rotation.shift();
    const line = owner === undefined ? undefined : this.#waiting.get(owner);
    const grant = line?.shift();
    if (owner === undefined || line === undefined || grant === undefined) {
      this.#held -= 1;
      return;
    }
    if (line.length > 0) this.#rotation.push(owner);
    else this.#waiting.delete(owner);
    grant();
  }
}
