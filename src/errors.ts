export interface TickgateErrorOptions {
  /** The way out for the reader: a sentence or the exact command. */
  readonly remedy: string;
  readonly cause?: unknown;
}

/**
 * Base of every error Tickgate throws on purpose. `message` names the thing that is wrong, `remedy` the way to mend
 * it, `code` is stable and may be matched by programs.
 * @example catch (error) { if (error instanceof TickgateError && error.shouldRetry()) await again(error.remedy); }
 */
export abstract class TickgateError extends Error {
  abstract readonly code: string;
  /** Exit status of a command that ends with this error. */
  readonly exitCode: number = 1;
  readonly remedy: string;

  constructor(message: string, options: TickgateErrorOptions) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = new.target.name;
    this.remedy = options.remedy;
  }

  /** True when the same call may succeed later without anybody changing anything. */
  shouldRetry(): boolean {
    return false;
  }
}

/** A wrong flag, argument, file or environment value. Nothing has been written. Exit status 2. */
export class UsageError extends TickgateError {
  readonly code = 'usage';
  override readonly exitCode = 2;
}

/** Redis cannot be reached, refuses us, or is configured so that the promise would not hold. */
export class RedisUnavailableError extends TickgateError {
  readonly code: string = 'redis_unavailable';
  override shouldRetry(): boolean {
    return true;
  }
}

/** Redis runs with a setting under which buffered ticks could vanish silently. */
export class RedisUnsafeError extends TickgateError {
  readonly code = 'redis_unsafe';
}

/** PostgreSQL cannot be reached or refuses us. */
export class StoreUnavailableError extends TickgateError {
  readonly code = 'store_unavailable';
  override shouldRetry(): boolean {
    return true;
  }
}

/** The database answers, but its schema, extension or rights do not fit Tickgate. */
export class StoreSchemaError extends TickgateError {
  readonly code = 'store_schema';
}

/** Broken invariant: the rules of the contract exclude it, so the program is wrong. */
export class InvariantError extends TickgateError {
  readonly code = 'invariant';
  constructor(message: string) {
    super(message, { remedy: 'report this with the log lines before it' });
  }
}

/** The text of anything thrown, for a log line or a message; never a payload. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((each) => describeError(each)).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
