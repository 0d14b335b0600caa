/** An option of the simulator that cannot be followed: the message names it, `remedy` a value that can. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}
