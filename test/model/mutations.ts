import type { FeedState } from '../../src/stream/feed-state.ts';
import { appendFrames, openFeed, renewFeed } from '../buffer/feed-state-rules.ts';
import { ChainFilter, type ChainVerdict, type Watermark } from '../../src/flush/chain-filter.ts';
import type { ReopenReason } from '../../src/ingest/reopen-reason.ts';
import {
  type ReconciledState,
  type SessionEnd,
  SessionRules,
  type SessionStart,
} from '../../src/ingest/session-rules.ts';
import { type ModelRules, PRODUCTION_RULES } from './model-rules.ts';

/** A rule made wrong. Each must be found out by the model: that is the proof that the rule is needed, and tested. */
export interface Mutation {
  readonly name: string;
  readonly rules: ModelRules;
}

/**
 * A flush is guarded three times over (lock, rows read again under row locks, compare-and-set), so that no one of them
 * can be missed alone. Each is tested where the two others are taken away: with it the contract holds, without it not.
 */
export interface Layer {
  readonly name: string;
  readonly alone: ModelRules;
  readonly without: ModelRules;
}

class FilterWithoutWatermark extends ChainFilter {
  override classify(feed: string, generation: string, prev: number, seq: number): ChainVerdict {
    const verdict = super.classify(feed, generation, prev, seq);
    return verdict === 'repeat' ? 'take' : verdict;
  }
}

class FilterWithoutGeneration extends ChainFilter {
  readonly #rows: ReadonlyMap<string, Watermark>;

  constructor(rows: ReadonlyMap<string, Watermark>) {
    super(rows);
    this.#rows = rows;
  }

  override classify(feed: string, generation: string, prev: number, seq: number): ChainVerdict {
    return super.classify(feed, this.#rows.get(feed)?.generation ?? generation, prev, seq);
  }
}

class FilterWithoutChain extends ChainFilter {
  override classify(feed: string, generation: string, prev: number, seq: number): ChainVerdict {
    const verdict = super.classify(feed, generation, prev, seq);
    return verdict === 'broken' ? 'take' : verdict;
  }
}

class SessionOfAnyGeneration extends SessionRules {
  override onCommitted(_generation: string, seq: number): boolean {
    return super.onCommitted(this.generation, seq);
  }
}

class SessionThatTellsUnaccepted extends SessionRules {
  #known = 0;

  override onCommitted(generation: string, seq: number): boolean {
    const isNew = super.onCommitted(generation, seq);
    if (isNew) this.#known = seq;
    return isNew;
  }

  override takeCommitted(): number | undefined {
    const seq = super.takeCommitted();
    return this.#known > (seq ?? this.accepted) ? this.#known : seq;
  }
}

/** Reconciliation that lets a session go on in spite of one reason to end it. */
class SessionThatIgnores extends SessionRules {
  readonly #reason: ReopenReason;

  constructor(start: SessionStart, reason: ReopenReason) {
    super(start);
    this.#reason = reason;
  }

  override reconcile(state: ReconciledState | undefined, run: string, accepted: number): SessionEnd | undefined {
    const end = super.reconcile(state, run, accepted);
    return end?.kind === 'reopen' && end.reason === this.#reason ? undefined : end;
  }
}

const ofRun = (state: FeedState | undefined, run: string): FeedState | undefined =>
  state === undefined || state.generation === '' ? state : { ...state, run };

export const MUTATIONS: readonly Mutation[] = [
  mutation('frames at or below the watermark are stored again', {
    newFilter: (rows) => new FilterWithoutWatermark(rows),
  }),
  mutation('entries of another generation are stored', { newFilter: (rows) => new FilterWithoutGeneration(rows) }),
  mutation('frames that do not continue the watermark are stored', {
    newFilter: (rows) => new FilterWithoutChain(rows),
  }),
  // A state written over is noticed as it is opened, too: each of the two is enough alone.
  mutation('a renewal writes over whatever state there is, and its row is not looked at', {
    givesUpDeadStates: false,
    renewFeed: (state, run, _tag, ...rest) =>
      renewFeed(state, run, `${state?.run ?? ''}|${state?.generation ?? ''}|${state?.nonce ?? ''}`, ...rest),
  }),
  mutation('a state of another run counts', {
    openFeed: (state, run, ...rest) => openFeed(ofRun(state, run), run, ...rest),
    appendFrames: (state, run, ...rest) => appendFrames(ofRun(state, run), run, ...rest),
  }),
  mutation('any session may append', {
    appendFrames: (state, run, _session, ...rest) => appendFrames(state, run, state?.session ?? '', ...rest),
  }),
  mutation('nobody is taken over', {
    openFeed: (state, run, claim, spaced) =>
      openFeed(state, run, { ...claim, attempt: state?.attempt ?? 1, have: 2 ** 52 }, spaced),
    renewFeed: (state, run, fingerprint, generation, row, claim) =>
      renewFeed(state, run, fingerprint, generation, row, { ...claim, have: 2 ** 52 }),
  }),
  mutation('a feed claims what it was told, not where it began', { claimsOwnStart: false }),
  mutation('a feed that was never opened counts its attempts', { countsUnansweredOpens: true }),
  mutation('a journal without a frame keeps its name', { renewsEmptyJournals: false }),
  mutation('committed is told of any generation', { newSessionRules: (start) => new SessionOfAnyGeneration(start) }),
  mutation('committed is told above accepted', {
    newSessionRules: (start) => new SessionThatTellsUnaccepted(start),
  }),
  mutation('a session outlives its lost state', {
    newSessionRules: (start) => new SessionThatIgnores(start, 'state_lost'),
  }),
  mutation('a session outlives its generation', {
    newSessionRules: (start) => new SessionThatIgnores(start, 'stale_generation'),
  }),
  // The whole rules need the wider excuse about once in 500,000 schedules, this one every 40,000.
  mutation('a row of an older generation than the state is built on', {
    asksFeedStates: false,
    excusesRefusals: 'rollback',
  }),
  mutation('nobody looks', { reconciles: false }),
  mutation('nobody invalidates', { detectsDivergence: false }),
  mutation('an invalidated state stays', { invalidateFeed: (state) => ({ outcome: 'kept', state }) }),
];

const UNGUARDED = {
  takesFlushLock: false,
  locksRows: false,
  readsRowsAgain: false,
  comparesAndSets: 'nothing',
} as const;

export const LAYERS: readonly Layer[] = [
  layer('the compare-and-set', { comparesAndSets: 'generation and seq' }, {}),
  layer('rows read again, under their locks', { readsRowsAgain: true, locksRows: true }, { readsRowsAgain: true }),
  layer(
    'the flush lock',
    { readsRowsAgain: true, comparesAndSets: 'generation', takesFlushLock: true },
    { readsRowsAgain: true, comparesAndSets: 'generation' },
  ),
];

function mutation(name: string, changes: Partial<ModelRules>): Mutation {
  return { name, rules: { ...PRODUCTION_RULES, ...changes } };
}

function layer(name: string, alone: Partial<ModelRules>, without: Partial<ModelRules>): Layer {
  return {
    name,
    alone: { ...PRODUCTION_RULES, ...UNGUARDED, ...alone },
    without: { ...PRODUCTION_RULES, ...UNGUARDED, ...without },
  };
}
