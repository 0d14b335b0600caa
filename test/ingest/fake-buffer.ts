import type { AppendBuffer } from '../../src/ingest/feed-ports.ts';
import type { AppendRequest, AppendResult } from '../../src/stream/append-request.ts';
import { decodeStreamEntry, type StreamEntry } from '../../src/stream/stream-entry.ts';
import { nextTurn } from '../../src/base/next-turn.ts';

/** An append as the buffer received it, its entry decoded. */
export interface ReceivedAppend extends Omit<AppendRequest, 'entry'> {
  readonly content: StreamEntry;
}

/** The buffer of a component test: keeps what it is asked, and answers when the test says so. */
export class FakeBuffer implements AppendBuffer {
  readonly appends: ReceivedAppend[] = [];
  readonly released: Array<readonly [feed: string, session: string]> = [];
  flushRequests = 0;
  /** Answers at once with this; undefined: the test answers by `answer`. */
  result: AppendResult | undefined;
  #pending: Array<(result: AppendResult) => void> = [];

  constructor(result?: AppendResult) {
    this.result = result;
  }

  get pendingAppends(): number {
    return this.#pending.length;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    const { entry, ...rest } = request;
    this.appends.push({ ...rest, content: decodeStreamEntry(Buffer.from(entry)) });
    if (this.result !== undefined) return Promise.resolve(this.result);
    return new Promise((resolve) => this.#pending.push(resolve));
  }

  /** Answers the oldest append that waits, and lets its asker go on. */
  async answer(result: AppendResult): Promise<void> {
    const resolve = this.#pending.shift();
    if (resolve === undefined) throw new RangeError('no append waits');
    resolve(result);
    await nextTurn();
  }

  async release(feed: string, session: string): Promise<void> {
    this.released.push([feed, session]);
  }

  async requestFlush(): Promise<void> {
    this.flushRequests += 1;
  }
}
