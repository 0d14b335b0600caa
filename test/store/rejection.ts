import { TickgateError } from '../../src/errors.ts';

/** The error a promise rejects with; fails when it resolves. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
  throw new Error('it should have failed, and did not');
}

/** What an error of ours says mends it; fails for any other error. */
export function remedyOf(error: Error): string {
  if (error instanceof TickgateError) return error.remedy;
  throw new Error(`not an error of ours: ${error.message}`, { cause: error });
}
