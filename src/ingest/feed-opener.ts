import { randomBytes } from 'node:crypto';
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

/** What opening needs of the buffer. */
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
  /** Takes a place away, if it is still of this generation. */
  invalidate(feed: string, generation: string): Promise<boolean>;
}

/** What opening needs of the database. */
export interface OpenerRows {
  renew(feed: string, generation: string): Promise<{ readonly seq: number; readonly writer: string }>;
  read(feeds: readonly string[]): Promise<ReadonlyMap<string, { readonly seq: number; readonly generation: string }>>;
}

const MAX_ROUNDS = 5;
const COMMITTED_LOOKUP_MS = 500;

/**
 * Gives feeds their places, and is the only way to one. With a state of the present run a script answers, and the
 * database need not be there; otherwise the place is renewed at the watermark: see, UPDATE the row, write the state
 * only if it is still the one seen. A generation is never written twice, an unanswered step abandons it.
 */
export class FeedOpener {
  readonly #buffer: OpenerBuffer;
  readonly #rows: OpenerRows;

  constructor(buffer: OpenerBuffer, rows: OpenerRows) {
    this.#buffer = buffer;
    this.#rows = rows;
  }

  /** Never throws for what Redis or PostgreSQL do: that is `not-now`. */
  async open(feed: string, claim: OpenClaim): Promise<FeedOpenResult> {
    try {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const opened = await this.#openOrRenew(feed, claim);
        if (opened.outcome === 'changed') continue;
        if (opened.outcome !== 'opened') return { outcome: opened.outcome };
        const committed = await this.#committed(feed, opened);
        if (committed !== undefined) return { ...opened, committed };
        // The database was put back to an older copy: what is sent under this place can never be stored, and what its
        // row continues may be another process's. Found here, and not by the judge a second later.
        await this.#buffer.invalidate(feed, opened.generation);
        ingestLogger.warn({ feed }, 'place given up: its row is of another generation');
      }
      return { outcome: 'not-now', why: 'the feed is being opened elsewhere' };
    } catch (error) {
      ingestLogger.warn({ feed, cause: describeError(error) }, 'a feed could not be opened');
      return { outcome: 'not-now', why: 'a service behind the gateway does not answer' };
    }
  }

  /** `changed`: the state changed on the way, begin again. */
  async #openOrRenew(
    feed: string,
    claim: OpenClaim,
  ): Promise<ScriptOpen | { readonly outcome: 'changed' | 'late' | 'taken' | 'spaced' }> {
    const opened = await this.#buffer.open(feed, claim);
    if (opened.outcome === 'opened') return opened;
    if (opened.outcome !== 'none') return { outcome: opened.outcome };
    const fingerprint = await this.#buffer.prepareRenewal(feed);
    if (fingerprint === undefined) return { outcome: 'changed' };
    const generation = randomBytes(12).toString('base64url');
    const row = await this.#rows.renew(feed, generation);
    const renewed = await this.#buffer.renew(feed, fingerprint, generation, row, claim);
    if (renewed.outcome === 'opened')
      ingestLogger.info({ feed, position: renewed.position }, 'place renewed at the watermark');
    return renewed;
  }

  /**
   * What is durable of a place; undefined where its row is another's. Opening works without the database, so a slow
   * answer counts as none.
   */
  async #committed(feed: string, state: Pick<FeedState, 'generation' | 'position'>): Promise<number | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), COMMITTED_LOOKUP_MS);
    });
    const lookup = this.#rows.read([feed]).catch(() => undefined);
    const rows = await Promise.race([lookup, late]);
    clearTimeout(timer);
    if (rows === undefined) return 0;
    const row = rows.get(feed);
    return row?.generation === state.generation ? Math.min(row.seq, state.position) : undefined;
  }
}
