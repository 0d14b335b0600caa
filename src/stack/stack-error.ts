import { TickgateError } from '../errors.ts';

/** The development stack cannot do what was asked. */
export class StackError extends TickgateError {
  readonly code = 'stack';
}
