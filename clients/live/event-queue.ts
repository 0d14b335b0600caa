import { Fifo } from '../../src/base/fifo.ts';

/**
 * Bounded queue as an async iterable, filled from outside. A reader that is too slow loses the oldest half, and is told
 * how many: memory stays bounded.
 */
export class EventQueue<T> implements AsyncIterableIterator<T> {
  readonly #maxLength: number;
  readonly #onDropped: (count: number) => void;
  readonly #onEnd: () => void;
  readonly #items = new Fifo<T>();
  #waiting: Array<{ resolve: (result: IteratorResult<T>) => void; reject: (error: Error) => void }> = [];
  #isEnded = false;
  #error: Error | undefined;

  constructor(maxLength: number, onDropped: (count: number) => void, onEnd: () => void) {
    this.#maxLength = maxLength;
    this.#onDropped = onDropped;
    this.#onEnd = onEnd;
  }

  push(item: T): void {
    if (this.#isEnded) return;
    const reader = this.#waiting.shift();
    if (reader !== undefined) {
      reader.resolve({ value: item, done: false });
      return;
    }
    this.#items.push(item);
    if (this.#items.length <= this.#maxLength) return;
    const dropped = this.#items.length >> 1;
    for (let count = 0; count < dropped; count++) this.#items.shift();
    this.#onDropped(dropped);
  }

  /** No more comes; queued items can still be read. With an error, reading ends with it. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve({ value: undefined, done: true });
      else reject(error);
    }
    this.#onEnd();
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve({ value: item, done: false });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#items.clear();
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
