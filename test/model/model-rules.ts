import {
  appendFrames,
  invalidateFeed,
  mayTrimStale,
  openFeed,
  renewFeed,
  prepareRenewal,
} from '../buffer/feed-state-rules.ts';
import { ChainFilter, type Watermark } from '../../src/flush/chain-filter.ts';
import { SessionRules, type SessionStart } from '../../src/ingest/session-rules.ts';

/**
 * The rules a model runs by. `PRODUCTION_RULES` are the functions and classes of `src/` themselves; a mutation replaces
 * one of them, to show that the model notices.
 */
export interface ModelRules {
  readonly openFeed: typeof openFeed;
  readonly prepareRenewal: typeof prepareRenewal;
  readonly renewFeed: typeof renewFeed;
  readonly appendFrames: typeof appendFrames;
  readonly invalidateFeed: typeof invalidateFeed;
  readonly mayTrimStale: typeof mayTrimStale;
  newFilter(rows: ReadonlyMap<string, Watermark>): ChainFilter;
  newSessionRules(start: SessionStart): SessionRules;

  /** `pg_try_advisory_xact_lock` at the start of a flush. */
  readonly takesFlushLock: boolean;
  /** `FOR NO KEY UPDATE` when a flush reads its rows. */
  readonly locksRows: boolean;
  /** A flush reads its rows again under the lock and compares them with what it built on. */
  readonly readsRowsAgain: boolean;
  /** The UPDATE of a watermark names the generation and seq it expects. */
  readonly comparesAndSets: 'generation and seq' | 'generation' | 'nothing';
  /** An append that stays unanswered gives the feed's state up. */
  readonly givesUpUnanswered: boolean;
  /** A cursor belongs to one run and one stream id of the stream. */
  readonly guardsCursor: boolean;
  /** A coordinator that reads rows stores nothing of a feed whose state is of another generation than its row. */
  readonly asksFeedStates: boolean;
  /** A gateway that finds a state of another generation than its row invalidates it, and begins again. */
  readonly givesUpDeadStates: boolean;
  /** The look: gateways compare their sessions with what Redis and the database say. */
  readonly reconciles: boolean;
  /** Coordinators invalidate states that diverged. */
  readonly detectsDivergence: boolean;
  /** A divergence check reads the stream from its start before it invalidates. */
  readonly rewindsBeforeJudging: boolean;
  /** A process that has never been opened counts its attempts all the same. */
  readonly countsUnansweredOpens: boolean;
  /** A journal without a frame is used under a new instance by the next process. */
  readonly renewsEmptyJournals: boolean;
  /** The `have` of an open is where the process began to number, not the highest seq it was told accepted. */
  readonly claimsOwnStart: boolean;
  /** What must have happened to Redis, besides a restored database, for the only program of a feed to be refused. */
  readonly excusesRefusals: 'any loss' | 'rollback';
}

export const PRODUCTION_RULES: ModelRules = {
  openFeed,
  prepareRenewal,
  renewFeed,
  appendFrames,
  invalidateFeed,
  mayTrimStale,
  newFilter: (rows) => new ChainFilter(rows),
  newSessionRules: (start) => new SessionRules(start),
  takesFlushLock: true,
  locksRows: true,
  readsRowsAgain: true,
  comparesAndSets: 'generation and seq',
  givesUpUnanswered: true,
  guardsCursor: true,
  asksFeedStates: true,
  givesUpDeadStates: true,
  reconciles: true,
  detectsDivergence: true,
  rewindsBeforeJudging: true,
  countsUnansweredOpens: false,
  renewsEmptyJournals: true,
  claimsOwnStart: true,
  excusesRefusals: 'any loss',
};

/** A promise of the delivery contract does not hold: what the model looks for. */
export class ContractBroken extends Error {
  override readonly name = 'ContractBroken';
}
