/** What a heartbeat says of a feed. */
export interface FeedAge {
  readonly feed: string;
  /** Since its last accepted frame, milliseconds. */
  readonly ageMs: number;
}

const MAX_FEEDS = 50;
const FORGET_MS = 24 * 3_600_000;
/** Feeds of one-off publishers; their names say nothing. */
const INTERNAL_FEED_PREFIX = '~';

/** When each feed was last heard of, so that a quiet market looks different from a dead feed. Pure. */
export class FeedAges {
  /** In the order of hearing, newest last. */
  readonly #heardMs = new Map<string, number>();

  heard(feed: string, acceptedAtMs: number): void {
    if (feed.startsWith(INTERNAL_FEED_PREFIX)) return;
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
