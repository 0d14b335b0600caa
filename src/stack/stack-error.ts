import { TickgateError } from '../errors.ts';

/** Failure of the development stack. */
export class StackError extends TickgateError {
  readonly code = 'stack';
}
