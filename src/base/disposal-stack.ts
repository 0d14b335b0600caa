/**
 * Disposes resources in the reverse of the order in which they were added: a part is taken down before the parts it
 * rests on. `AsyncDisposableStack` of the language, which Node 20 has not, as far as it is needed here.
 * @example const stack = new DisposalStack(); const server = stack.use(await start()); await stack.disposeAsync();
 */
export class DisposalStack implements AsyncDisposable {
  readonly #disposals: Array<() => unknown> = [];
  #disposing: Promise<void> | undefined;

  /** Adds a resource, to be disposed with the stack. @returns the resource itself */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.defer(() => (Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]()));
    return resource;
  }

  /** Adds a step of the disposal; a promise that it returns is waited for. */
  defer(dispose: () => unknown): void {
    this.#disposals.push(dispose);
  }

  /**
   * Runs the steps one after the other, the one added last first; again, it is the same disposal. A step that fails
   * does not keep the others from running.
   * @throws the step's error; an `AggregateError` where several failed
   */
  disposeAsync(): Promise<void> {
    this.#disposing ??= this.#disposeAll();
    return this.#disposing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }

  async #disposeAll(): Promise<void> {
    const errors: unknown[] = [];
    for (let dispose = this.#disposals.pop(); dispose !== undefined; dispose = this.#disposals.pop()) {
      try {
        await dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'several parts could not be disposed');
  }
}
