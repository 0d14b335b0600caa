/** A message whose structure is wrong: answered with code 400 and the end of the connection. */
export class BadFrameError extends Error {
  override readonly name = 'BadFrameError';
}
