/** Messages that came while their connection waits for something else: kept in order, bounded in number and bytes. */
export class HeldMessages {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages: Array<{ readonly data: Buffer; readonly isBinary: boolean }> = [];
  #bytes = 0;

  constructor({ maxMessages, maxBytes }: { readonly maxMessages: number; readonly maxBytes: number }) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** @returns false where there are too many already: it is not kept */
  tryHold(data: Buffer, isBinary: boolean): boolean {
    if (this.#messages.length >= this.#maxMessages || this.#bytes + data.length > this.#maxBytes) return false;
    this.#messages.push({ data, isBinary });
    this.#bytes += data.length;
    return true;
  }

  /** Hands over all of them, in the order in which they came. */
  release(take: (data: Buffer, isBinary: boolean) => void): void {
    const messages = this.#messages;
    [this.#messages, this.#bytes] = [[], 0];
    for (const { data, isBinary } of messages) take(data, isBinary);
  }
}
