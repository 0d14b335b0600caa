/** Anything thrown, as an Error: uvu counts a test that throws a string as neither passed nor failed. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`threw a ${typeof thrown}, not an Error: ${String(thrown)}`);
}

let interruptCurrent: ((error: Error) => void) | undefined;

/**
 * Makes whatever runs in {@link bounded} now fail with `error`.
 * @returns false when nothing runs: the caller has to account for the error.
 */
export function interrupt(error: Error): boolean {
  interruptCurrent?.(error);
  return interruptCurrent !== undefined;
}

/**
 * Runs `body` for at most `limitMs`; its signal is aborted when the time is up or something else interrupted it.
 * @throws {Error} always an Error, whatever `body` threw.
 */
export async function bounded(what: string, limitMs: number, body: (signal: AbortSignal) => unknown): Promise<void> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(error);
        abort.abort(error);
      };
      interruptCurrent = fail;
      timer = setTimeout(() => fail(new Error(`${what} was not done after ${limitMs} ms`)), limitMs);
      const run = async (): Promise<void> => {
        await body(abort.signal);
      };
      run().then(resolve, (thrown: unknown) => reject(toError(thrown)));
    });
  } finally {
    clearTimeout(timer);
    interruptCurrent = undefined;
  }
}
