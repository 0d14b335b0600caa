import { nextTurn } from '../../src/base/next-turn.ts';
import type { FeedOpener, FeedOpenResult } from '../../src/ingest/feed-opener.ts';
import type { OpenClaim } from '../../src/stream/feed-state.ts';

/** The opener of a component test: keeps the claims, and answers when the test says so. */
export class FakeOpener implements Pick<FeedOpener, 'open'> {
  readonly opens: Array<{ readonly feed: string; readonly claim: OpenClaim }> = [];
  /** Answers at once with this; undefined: the test answers by `answer`. */
  result: FeedOpenResult | undefined;
  #pending: Array<(result: FeedOpenResult) => void> = [];

  open(feed: string, claim: OpenClaim): Promise<FeedOpenResult> {
    this.opens.push({ feed, claim });
    if (this.result !== undefined) return Promise.resolve(this.result);
    return new Promise((resolve) => this.#pending.push(resolve));
  }

  /** Answers the oldest open that waits, and lets its asker go on. */
  async answer(result: FeedOpenResult): Promise<void> {
    const resolve = this.#pending.shift();
    if (resolve === undefined) throw new RangeError('no open waits');
    resolve(result);
    await nextTurn();
  }
}

export function opened(position: number, committed = 0, generation = 'g'): FeedOpenResult {
  return { outcome: 'opened', generation, position, committed };
}
