import type { FeedAge } from '../protocol/live-reply.ts';
import { isInternalFeed } from '../stream/internal-feed-names.ts';

const MAX_FEEDS = 50;
const FORGET_MS = 24 * 3_600_000;

/** Ages of feeds for heartbeats: a quiet market looks different from a dead feed. At most 50, the newest. Pure. */
export class FeedAges {
  /** In the order of hearing, newest last. */
  readonly #heardMs = new Map<string, number>();

  heard(feed: string, acceptedAtMs: number): void {
    if (isInternalFeed(feed)) return;
    this.#heardMs.delete(feed);
    this.#heardMs.set(feed, acceptedAtMs);
    if (this.#heardMs.size <= MAX_FEEDS) return;
    for (const oldest of this.#heardMs.keys()) {
      this.#heardMs.delete(oldest);
      return;
    }
  }

  list(nowMs: number): FeedAge[] {
    const ages: FeedAge[] = [];
    for (const [feed, heardMs] of this.#heardMs) {
      const ageMs = Math.max(0, nowMs - heardMs);
      if (ageMs < FORGET_MS) ages.push({ feed, ageMs });
    }
    return ages.sort((a, b) => a.ageMs - b.ageMs);
  }
}
