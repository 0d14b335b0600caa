import { errorReply, type FeedReply } from '../protocol/reply-codec.ts';
import { ErrorCode } from '../protocol/error-codes.ts';
import type { PublishRequest } from '../protocol/feed-request.ts';
import type { FeedLimits, IngestObserver } from './feed-ports.ts';
import type { InternalFeed } from './internal-feed.ts';

export interface OneOffPublisherOptions {
  readonly internalFeed: Pick<InternalFeed, 'publish'>;
  readonly limits: FeedLimits;
  readonly observer: IngestObserver;
  readonly reply: (...replies: readonly FeedReply[]) => void;
  /** Back-pressure: true while the window of uncommitted frames is full. Called on each change, repeats included. */
  readonly setPaused: (isPaused: boolean) => void;
}

/**
 * One-off publisher: the frames without a number of one connection. The gateway's internal feed carries them; each is
 * answered by its own `id`, and at most a window of them waits for its commit.
 */
export class OneOffPublisher {
  readonly #options: OneOffPublisherOptions;
  #pendingFrames = 0;
  #pendingTicks = 0;

  constructor(options: OneOffPublisherOptions) {
    this.#options = options;
  }

  publish(request: PublishRequest): void {
    const { internalFeed, reply } = this.#options;
    const { count, rejected } = request.ticks;
    const id = request.id ?? null;
    this.#reportRejected(request);
    const ticks = count + rejected.length;
    this.#count(1, ticks);
    internalFeed.publish(request.ticks, {
      onAck: () => reply({ T: 'ack', id }),
      onCommitted: () => {
        reply({ T: 'committed', id });
        this.#count(-1, -ticks);
      },
    });
  }

  #reportRejected(request: PublishRequest): void {
    const { rejected } = request.ticks;
    if (rejected.length === 0) return;
    for (const tick of rejected) this.#options.observer.onRejected(tick.reason);
    this.#options.reply({
      ...errorReply(ErrorCode.ticksRejected),
      ...(request.id === undefined ? {} : { id: request.id }),
      rejected: rejected.map((tick) => [tick.index, tick.reason] as const),
    });
  }

  #count(frames: number, ticks: number): void {
    this.#pendingFrames += frames;
    this.#pendingTicks += ticks;
    const { windowFrames, windowTicks } = this.#options.limits;
    this.#options.setPaused(this.#pendingFrames >= windowFrames || this.#pendingTicks >= windowTicks);
  }
}
