/** A reason to pause reading from a connection. */
export type PauseReason = 'window' | 'one-off' | 'rate' | 'drain' | 'auth';

/** Reading gate: back-pressure for several reasons. A connection is read only while none of them holds. */
export class ReadingGate {
  readonly #reasons = new Set<PauseReason>();
  readonly #onChange: (isReading: boolean) => void;

  /** @param onChange called when reading begins or ends, not for each reason */
  constructor(onChange: (isReading: boolean) => void) {
    this.#onChange = onChange;
  }

  get isReading(): boolean {
    return this.#reasons.size === 0;
  }

  set(reason: PauseReason, isPaused: boolean): void {
    const wasReading = this.isReading;
    if (isPaused) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    if (this.isReading !== wasReading) this.#onChange(this.isReading);
  }
}
