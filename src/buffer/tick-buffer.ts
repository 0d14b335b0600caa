import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { AppendRequest, AppendResult } from '../stream/append-request.ts';
import type { FeedState, OpenClaim } from '../stream/feed-state.ts';
import type { BufferKeys } from './keys.ts';
import { answerWords, runScript } from './lua-scripts.ts';
import type { RedisLink } from './redis-link.ts';

/** What a script answers to an open. */
export type OpenedState = Pick<FeedState, 'generation' | 'position'>;
/** What reconciliation and the divergence check read. */
export type FeedStateView = Pick<FeedState, 'run' | 'generation' | 'position' | 'session' | 'instance' | 'writer'>;

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
  readonly link: RedisLink;
  readonly keys: BufferKeys;
  readonly bufferMaxTicks: number;
  readonly takeoverIntervalMs: number;
}

/** Errors by which Redis says that it did not run the script, and that a later try may succeed. */
const DEFINITE_REFUSAL =
  /(^|-)(OOM|BUSY|LOADING|MISCONF|READONLY|CLUSTERDOWN|NOREPLICAS|MASTERDOWN|NOPERM|NOAUTH|TRYAGAIN)\b/;

/** The buffer as feeds see it: places and appends. One Redis Stream per deployment. */
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

  /** First step of a renewal: a tag of exactly what is there now, or undefined where a place of this run is. */
  async prepareRenewal(feed: string): Promise<string | undefined> {
    const { link, keys } = this.#options;
    const answer = await runScript(link.client, 'prepare-renewal', [keys.state(feed)], [link.facts.run, randomId()]);
    const [outcome, fingerprint] = answerWords(answer);
    return outcome === 'seen' ? fingerprint : undefined;
  }

  /** Last step of a renewal: `row` is what the UPDATE that planted `generation` returned. */
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

  /** Appends a run of consecutive frames. Never throws for what Redis does: the result says what is known. */
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
      // The reply to come could be taken for another's: this connection is not to be used again.
      link.drop();
      return 'unanswered';
    }
  }

  /** Takes a place away, if it is still of this generation. @throws {RedisUnavailableError} */
  async invalidate(feed: string, generation: string): Promise<boolean> {
    const { link, keys } = this.#options;
    return invalidateFeed(link.client, keys, feed, link.facts.run, generation);
  }

  /** Leaves the feed's session, if it is still this one. */
  async release(feed: string, session: string): Promise<void> {
    await runScript(this.#options.link.client, 'release', [this.#options.keys.state(feed)], [session]);
  }

  /** States of feeds, in the order asked; undefined where there is no place. @throws {RedisUnavailableError} */
  async feedStates(feeds: readonly string[]): Promise<Array<FeedStateView | undefined>> {
    return readFeedStates(this.#options.link.client, this.#options.keys, feeds);
  }

  async size(): Promise<BufferSize> {
    return readSize(this.#options.link.client, this.#options.keys);
  }

  /** Asks whichever coordinator leads to flush now. */
  async requestFlush(): Promise<void> {
    await this.#options.link.client.publish(this.#options.keys.requestChannel, 'flush');
  }
}

export async function readFeedStates(
  client: Redis,
  keys: BufferKeys,
  feeds: readonly string[],
): Promise<Array<FeedStateView | undefined>> {
  return Promise.all(
    feeds.map(async (feed) => {
      const [run, generation, position, session, instance, writer] = await client.hmget(
        keys.state(feed),
        'run',
        'generation',
        'position',
        'session',
        'instance',
        'writer',
      );
      if (run == null || generation == null) return undefined;
      return {
        run,
        generation,
        position: Number(position),
        session: session ?? '',
        instance: instance ?? '',
        writer: writer ?? '',
      };
    }),
  );
}

/** Takes a broken place away, if it is still the one judged. */
export async function invalidateFeed(
  client: Redis,
  keys: BufferKeys,
  feed: string,
  run: string,
  generation: string,
): Promise<boolean> {
  const answer = await runScript(client, 'invalidate', [keys.state(feed), keys.feeds], [run, generation, feed]);
  return Number(answer) === 1;
}

/** Ticks in the buffer that no flush has handled, from the running totals that entries carry. */
export async function readSize(client: Redis, keys: BufferKeys): Promise<BufferSize> {
  const [streamExists, meta] = await Promise.all([
    client.exists(keys.stream),
    client.hmget(keys.meta, 'total', 'handled'),
  ]);
  if (streamExists === 0) return { ticks: 0 };
  return { ticks: Math.max(0, Number(meta[0] ?? 0) - Number(meta[1] ?? 0)) };
}

/** 96 random bits as text: generations, sessions, seeds, incarnations. */
export function randomId(): string {
  return randomBytes(12).toString('base64url');
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
