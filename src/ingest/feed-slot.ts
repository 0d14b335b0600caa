import { randomId } from '../base/random-id.ts';
import type { OpenRequest } from '../protocol/feed-request.ts';
import type { FeedOpener, FeedOpenResult, OpenedFeed } from './feed-opener.ts';
import type { AppendBuffer, FeedLimits, FeedPeer, IngestObserver } from './feed-ports.ts';
import type { FeedRegistry } from './feed-registry.ts';
import { FeedSession } from './feed-session.ts';
import type { Clock } from '../base/clock.ts';
import type { SessionEnd } from './session-rules.ts';
import type { TokenFeeds } from './token-feeds.ts';

/** Services that every connection's slot shares. */
export interface FeedSlotServices {
  readonly buffer: AppendBuffer;
  readonly opener: Pick<FeedOpener, 'open'>;
  readonly registry: Pick<FeedRegistry, 'add' | 'remove'>;
  readonly tokenFeeds: TokenFeeds;
  readonly observer: IngestObserver;
  readonly clock?: Clock | undefined;
}

export interface FeedSlotOptions {
  readonly services: FeedSlotServices;
  readonly limits: FeedLimits;
  /** Name of the connection; the instance of a feed that names none is made of it. */
  readonly connectionId: string;
  readonly peer: FeedPeer;
  readonly onOpened: (feed: string, opened: OpenedFeed) => void;
  readonly onRefused: (feed: string, result: Exclude<FeedOpenResult, { outcome: 'opened' }>) => void;
  /** The session ended by itself; the slot is empty again. */
  readonly onEnd: (feed: string, end: SessionEnd) => void;
}

/** Most opens that wait at once; a client opens again only after an answer, so more come from a broken one. */
const MAX_PENDING_OPENS = 8;

/**
 * Feed slot: the at most one feed of a connection. Opens run one after another, each after the session before it has
 * been answered and released.
 */
export class FeedSlot {
  readonly #options: FeedSlotOptions;
  #session: FeedSession | undefined;
  #opening: Promise<void> = Promise.resolve();
  #pendingOpens = 0;
  #isLeft = false;
  /** What this connection is counted under in the feeds of its token. */
  #counted: { readonly token: string; readonly feed: string } | undefined;

  constructor(options: FeedSlotOptions) {
    this.#options = options;
  }

  /** The open feed; undefined before `onOpened`, and between the end of a session and the next open. */
  get session(): FeedSession | undefined {
    return this.#session;
  }

  /** Leaves the feed that is open and opens this one. @returns a limit that forbids it, for the connection to end with */
  open(request: OpenRequest, token: string): 'opening' | 'too-many-opens' | 'too-many-feeds' {
    if (this.#pendingOpens >= MAX_PENDING_OPENS) return 'too-many-opens';
    this.#dropSession();
    if (!this.#countFeed(token, request.feed)) return 'too-many-feeds';
    this.#pendingOpens += 1;
    this.#opening = this.#opening.then(async () => {
      this.#pendingOpens -= 1;
      await this.#openNow(request);
    });
    return 'opening';
  }

  /** The connection is gone: the feed is left, and an open under way is released. */
  leave(): void {
    this.#isLeft = true;
    this.#uncountFeed();
    this.#dropSession();
  }

  async #openNow(request: OpenRequest): Promise<void> {
    if (this.#isLeft) return;
    const { services, limits, connectionId, peer } = this.#options;
    const { feed, attempt, have } = request;
    const session = randomId();
    const instance = request.instance ?? `${connectionId}-${session}`;
    const result = await services.opener.open(feed, { session, instance, attempt, have });
    if (this.#isLeft) {
      if (result.outcome === 'opened') await services.buffer.release(feed, session).catch(() => undefined);
      return;
    }
    if (result.outcome !== 'opened') return this.#options.onRefused(feed, result);
    this.#session = new FeedSession({
      feed,
      session,
      instance,
      live: request.live,
      generation: result.generation,
      accepted: result.position,
      committed: result.committed,
      limits,
      buffer: services.buffer,
      observer: services.observer,
      peer,
      onEnd: (end) => {
        this.#forgetSession();
        this.#options.onEnd(feed, end);
      },
      clock: services.clock,
    });
    services.registry.add(this.#session);
    this.#options.onOpened(feed, result);
  }

  #countFeed(token: string, feed: string): boolean {
    this.#uncountFeed();
    if (!this.#options.services.tokenFeeds.take(token, feed)) return false;
    this.#counted = { token, feed };
    return true;
  }

  #uncountFeed(): void {
    const { tokenFeeds } = this.#options.services;
    if (this.#counted !== undefined) tokenFeeds.leave(this.#counted.token, this.#counted.feed);
    this.#counted = undefined;
  }

  #dropSession(): void {
    const session = this.#session;
    this.#forgetSession();
    if (session === undefined) return;
    // Order: the next open waits until the append under way is answered and the session released.
    const closing = session.close();
    this.#opening = this.#opening.then(() => closing);
  }

  #forgetSession(): void {
    if (this.#session !== undefined) this.#options.services.registry.remove(this.#session);
    this.#session = undefined;
  }
}
