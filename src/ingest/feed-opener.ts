import { withDeadline } from '../base/deadline.ts';
import { randomId } from '../base/random-id.ts';
import { describeError } from '../errors.ts';
import { ingestLogger } from '../logger.ts';
import type { FeedState, OpenClaim } from '../stream/feed-state.ts';

export interface OpenedFeed extends Pick<FeedState, 'generation' | 'position'> {
  /** Last seq known durable; 0 where that is not known now. */
  readonly committed: number;
}

export type FeedOpenResult =
  | ({ readonly outcome: 'opened' } & OpenedFeed)
  | { readonly outcome: 'late' | 'taken' | 'spaced' }
  | { readonly outcome: 'not-now'; readonly why: string };

type ScriptOpen = { readonly outcome: 'opened' } & Pick<FeedState, 'generation' | 'position'>;

/** The buffer as opening needs it. */
export interface OpenerBuffer {
  open(
    feed: string,
    claim: OpenClaim,
  ): Promise<ScriptOpen | { readonly outcome: 'none' | 'late' | 'taken' | 'spaced' }>;
  prepareRenewal(feed: string): Promise<string | undefined>;
  renew(
    feed: string,
    fingerprint: string,
    generation: string,
    row: { readonly seq: number; readonly writer: string },
    claim: OpenClaim,
  ): Promise<ScriptOpen | { readonly outcome: 'changed' | 'late' | 'taken' }>;
  /** Removes the feed's state, if it is still of this generation. */
  invalidate(feed: string, generation: string): Promise<boolean>;
}

/** The database as opening needs it. */
export interface OpenerRows {
  renew(feed: string, generation: string): Promise<{ readonly seq: number; readonly writer: string }>;
  read(feeds: readonly string[]): Promise<ReadonlyMap<string, { readonly seq: number; readonly generation: string }>>;
}

const MAX_ROUNDS = 5;
const COMMITTED_LOOKUP_MS = 500;

/**
 * Opens feeds, and is the only writer of new feed states. Where there is a state of the present Redis run a script
 * answers, and the database need not be there. Otherwise the state is renewed at the watermark: fingerprint of the
 * state, UPDATE of the row, write only if the fingerprint still holds. A generation is never written twice; a step that
 * stays unanswered abandons it.
 */
export class FeedOpener {
  readonly #buffer: OpenerBuffer;
  readonly #rows: OpenerRows;

  constructor(buffer: OpenerBuffer, rows: OpenerRows) {
    this.#buffer = buffer;
    this.#rows = rows;
  }

  /** Opens a feed. Never throws where Redis or PostgreSQL fail: that is `not-now`. */
  async open(feed: string, claim: OpenClaim): Promise<FeedOpenResult> {
    try {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const opened = await this.#openOrRenew(feed, claim);
        if (opened.outcome === 'changed') continue;
        if (opened.outcome !== 'opened') return { outcome: opened.outcome };
        const committed = await this.#committed(feed, opened);
        if (committed !== undefined) return { ...opened, committed };
        // Dead state: the database was put back to an older copy. Frames sent under this generation can never be
        // stored, and its row may continue another process's. The divergence check would find it a second later.
        await this.#buffer.invalidate(feed, opened.generation);
        ingestLogger.warn({ feed }, 'feed state invalidated: its row is of another generation');
      }
      return { outcome: 'not-now', why: 'the feed is being opened elsewhere' };
    } catch (error) {
      ingestLogger.warn({ feed, cause: describeError(error) }, 'a feed could not be opened');
      return { outcome: 'not-now', why: 'a service behind the gateway does not answer' };
    }
  }

  /** One round; `changed` where the state changed in between: begin again. */
  async #openOrRenew(
    feed: string,
    claim: OpenClaim,
  ): Promise<ScriptOpen | { readonly outcome: 'changed' | 'late' | 'taken' | 'spaced' }> {
    const opened = await this.#buffer.open(feed, claim);
    if (opened.outcome === 'opened') return opened;
    if (opened.outcome !== 'none') return { outcome: opened.outcome };
    const fingerprint = await this.#buffer.prepareRenewal(feed);
    if (fingerprint === undefined) return { outcome: 'changed' };
    const generation = randomId();
    const row = await this.#rows.renew(feed, generation);
    const renewed = await this.#buffer.renew(feed, fingerprint, generation, row, claim);
    if (renewed.outcome === 'opened')
      ingestLogger.info({ feed, position: renewed.position }, 'feed state renewed at the watermark');
    return renewed;
  }

  /**
   * Last durable seq; 0 where it is not known, undefined where the row is of another generation. Opening works without
   * the database, so a slow answer counts as none.
   */
  async #committed(feed: string, state: Pick<FeedState, 'generation' | 'position'>): Promise<number | undefined> {
    const lookup = this.#rows.read([feed]).catch(() => undefined);
    const rows = await withDeadline(lookup, COMMITTED_LOOKUP_MS);
    if (rows === undefined) return 0;
    const row = rows.get(feed);
    return row?.generation === state.generation ? Math.min(row.seq, state.position) : undefined;
  }
}
