/** Base of the feed client's errors. `code` is the close code or the error code of the gateway, where there is one. */
export class FeedError extends Error {
  override readonly name: string = 'FeedError';
  readonly code: number | undefined;

  constructor(message: string, code?: number) {
    super(message);
    this.code = code;
  }
}

/** The gateway ended the connection for good (wrong token, taken over, sequence reuse …). Nothing more is sent. */
export class FeedRefusedError extends FeedError {
  override readonly name = 'FeedRefusedError';
}

/** The client was closed by its own program. */
export class FeedClosedError extends FeedError {
  override readonly name = 'FeedClosedError';
}

/** `maxMemoryBytes` is full and too many calls wait: the caller does not wait for its calls. This one was not taken. */
export class FeedMemoryError extends FeedError {
  override readonly name = 'FeedMemoryError';
}
