import type { Redis } from 'ioredis';
import { randomId } from '../base/random-id.ts';
import type { AppendRequest, AppendResult } from '../stream/append-request.ts';
import type { FeedState, OpenClaim } from '../stream/feed-state.ts';
import { type FeedStateView, invalidateFeed, readFeedStates, readPendingTicks } from './feed-state-queries.ts';
import type { BufferKeys } from './keys.ts';
import { answerWords, runScript } from './lua-scripts.ts';
import type { RedisLink } from './redis-link.ts';

/** A feed's generation and position, as a script answers an open with them. */
export type OpenedState = Pick<FeedState, 'generation' | 'position'>;

export type OpenResult =
  | ({ readonly outcome: 'opened' } & OpenedState)
  | { readonly outcome: 'none' | 'late' | 'taken' | 'spaced' };
export type RenewResult =
  | ({ readonly outcome: 'opened' } & OpenedState)
  | { readonly outcome: 'changed' | 'late' | 'taken' };

export interface BufferSize {
  /** Ticks not yet handled by a flush. */
  readonly ticks: number;
}

export interface TickBufferOptions {
  readonly link: Pick<RedisLink, 'client' | 'facts' | 'isUp' | 'drop'>;
  readonly keys: BufferKeys;
  readonly bufferMaxTicks: number;
  readonly takeoverIntervalMs: number;
}

/** Errors by which Redis says that it did not run the script, and that a later try may succeed. */
const DEFINITE_REFUSAL =
  /(^|-)(OOM|BUSY|LOADING|MISCONF|READONLY|CLUSTERDOWN|NOREPLICAS|MASTERDOWN|NOPERM|NOAUTH|TRYAGAIN)\b/;

/**
 * The buffer's write side: opens, renewals and appends of feeds, each one Lua script on the deployment's one Redis
 * Stream. A script is never sent twice; of an append without an answer nothing is assumed.
 */
export class TickBuffer {
  readonly #options: TickBufferOptions;

  constructor(options: TickBufferOptions) {
    this.#options = options;
  }

  /** Run id of the server that answers now. @throws {RedisUnavailableError} */
  get run(): string {
    return this.#options.link.facts.run;
  }

  get isUp(): boolean {
    return this.#options.link.isUp;
  }

  /** Gives a connection the feed's session. `none`: no state of this run, renew. See lua/open.lua. */
  async open(feed: string, claim: OpenClaim): Promise<OpenResult> {
    const { link, keys, takeoverIntervalMs } = this.#options;
    const answer = await runScript(
      link.client,
      'open',
      [keys.state(feed), keys.takeover(feed)],
      [link.facts.run, claim.session, claim.instance, claim.attempt, claim.have, takeoverIntervalMs],
    );
    return openResult(answer, ['none', 'late', 'taken', 'spaced']);
  }

  /** First step of a renewal: a fingerprint of the state that is there now; undefined where one of this run is. */
  async prepareRenewal(feed: string): Promise<string | undefined> {
    const { link, keys } = this.#options;
    const answer = await runScript(link.client, 'prepare-renewal', [keys.state(feed)], [link.facts.run, randomId()]);
    const [outcome, fingerprint] = answerWords(answer);
    return outcome === 'seen' ? fingerprint : undefined;
  }

  /** Last step of a renewal: `row` is as the UPDATE that wrote `generation` into it returned it. See lua/renew.lua. */
  async renew(
    feed: string,
    fingerprint: string,
    generation: string,
    row: { readonly seq: number; readonly writer: string },
    claim: OpenClaim,
  ): Promise<RenewResult> {
    const { link, keys } = this.#options;
    const answer = await runScript(
      link.client,
      'renew',
      [keys.state(feed), keys.feeds],
      [
        link.facts.run,
        fingerprint,
        generation,
        String(row.seq),
        row.writer,
        claim.session,
        claim.instance,
        claim.attempt,
        claim.have,
        feed,
      ],
    );
    return openResult(answer, ['changed', 'late', 'taken']);
  }

  /**
   * Appends a run of consecutive frames. Errors of Redis become results, never exceptions: `refused` where Redis says
   * that it ran nothing; else `unanswered`, and the connection is dropped.
   */
  async append(request: AppendRequest): Promise<AppendResult> {
    const { link, keys, bufferMaxTicks } = this.#options;
    let client: Redis;
    let run: string;
    try {
      client = link.client;
      run = link.facts.run;
    } catch {
      return 'unsent';
    }
    try {
      const answer = await runScript(
        client,
        'append',
        [keys.state(request.feed), keys.stream, keys.meta],
        [
          run,
          request.session,
          String(request.prev),
          String(request.last),
          request.ticks,
          request.live ? '1' : '0',
          bufferMaxTicks,
          randomId(),
          request.feed,
          request.writer,
          keys.liveChannel,
          request.entry,
        ],
      );
      return appendResult(answerWords(answer));
    } catch (error) {
      if (error instanceof Error && DEFINITE_REFUSAL.test(error.message)) return 'refused';
      // A late reply could be taken for another command's: this connection is not to be used again.
      link.drop();
      return 'unanswered';
    }
  }

  /** Invalidates the feed's state, if it is still of this generation. @throws {RedisUnavailableError} */
  async invalidate(feed: string, generation: string): Promise<boolean> {
    const { link, keys } = this.#options;
    return invalidateFeed(link.client, keys, feed, link.facts.run, generation);
  }

  /** Leaves the feed's session, if it is still this one. */
  async release(feed: string, session: string): Promise<void> {
    await runScript(this.#options.link.client, 'release', [this.#options.keys.state(feed)], [session]);
  }

  /** States of feeds, in the order asked; undefined where there is none. @throws {RedisUnavailableError} */
  async feedStates(feeds: readonly string[]): Promise<Array<FeedStateView | undefined>> {
    return readFeedStates(this.#options.link.client, this.#options.keys, feeds);
  }

  async size(): Promise<BufferSize> {
    return { ticks: await readPendingTicks(this.#options.link.client, this.#options.keys) };
  }

  /** Asks whichever coordinator leads to flush now. */
  async requestFlush(): Promise<void> {
    await this.#options.link.client.publish(this.#options.keys.requestChannel, 'flush');
  }
}

function openResult<Outcome extends string>(
  answer: unknown,
  others: readonly Outcome[],
): ({ readonly outcome: 'opened' } & OpenedState) | { readonly outcome: Outcome } {
  const [outcome, generation, position] = answerWords(answer);
  if (outcome === 'opened' && generation !== undefined) return { outcome, generation, position: Number(position) };
  const other = others.find((each) => each === outcome);
  if (other === undefined) throw new RangeError(`unknown answer of a script: ${String(outcome)}`);
  return { outcome: other };
}

function appendResult(words: readonly string[]): AppendResult {
  const [outcome, why] = words;
  switch (outcome) {
    case 'appended':
    case 'repeat':
    case 'full':
    case 'session':
      return outcome;
    case 'lost':
      return why === 'chain' ? 'lost-chain' : 'lost-state';
    default:
      return 'unanswered';
  }
}
