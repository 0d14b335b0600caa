/** Limit of open feeds by token: at most so many, so that one token cannot take the gateway for itself. */
export class TokenFeeds {
  readonly #maxFeeds: number;
  /** By token's name, connections by feed: a feed that reconnects is there twice for a moment, and counts once. */
  readonly #open = new Map<string, Map<string, number>>();

  constructor(maxFeeds: number) {
    this.#maxFeeds = maxFeeds;
  }

  /** @returns false, and nothing is counted, when the token has as many other feeds open as it may */
  take(token: string, feed: string): boolean {
    const feeds = this.#open.get(token) ?? new Map<string, number>();
    const connections = feeds.get(feed) ?? 0;
    if (connections === 0 && feeds.size >= this.#maxFeeds) return false;
    feeds.set(feed, connections + 1);
    this.#open.set(token, feeds);
    return true;
  }

  /** Once for each `take` that was granted. */
  leave(token: string, feed: string): void {
    const feeds = this.#open.get(token);
    const connections = feeds?.get(feed) ?? 0;
    if (feeds === undefined || connections === 0) return;
    if (connections > 1) feeds.set(feed, connections - 1);
    else feeds.delete(feed);
    if (feeds.size === 0) this.#open.delete(token);
  }
}
