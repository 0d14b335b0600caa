import type { FeedState, OpenClaim } from '../../src/stream/feed-state.ts';

/**
 * The rules by which a feed's state is opened, renewed, used and invalidated, as pure functions. The Lua scripts in
 * `src/buffer/lua/` are the same rules on Redis: a differential test holds the two together, and the model runs these.
 */

export type OpenOutcome = 'opened' | 'none' | 'late' | 'taken' | 'spaced';
export type RenewOutcome = 'opened' | 'changed' | 'late' | 'taken';
export type AppendOutcome = 'appended' | 'repeat' | 'lost-state' | 'lost-chain' | 'session' | 'full';

export interface Answer<Outcome extends string> {
  readonly outcome: Outcome;
  /** The state after; the same object when nothing was written. */
  readonly state: FeedState | undefined;
}

/** open.lua. `takeoverSpaced`: the last take-over of this feed was too short a time ago. */
export function openFeed(
  state: FeedState | undefined,
  run: string,
  claim: OpenClaim,
  takeoverSpaced: boolean,
): Answer<OpenOutcome> {
  if (state === undefined || state.generation === '' || state.run !== run) return { outcome: 'none', state };
  if (isLate(state, claim)) return { outcome: 'late', state };
  if (isTaken(state.writer, state.position, claim)) return { outcome: 'taken', state };
  if (state.instance !== claim.instance && state.session !== '' && takeoverSpaced) return { outcome: 'spaced', state };
  const { session, instance, attempt } = claim;
  return { outcome: 'opened', state: { ...state, session, instance, attempt } };
}

/** prepare-renewal.lua: the fingerprint of the state that is there, with a nonce written where there is none. */
export function prepareRenewal(
  state: FeedState | undefined,
  run: string,
  nonce: string,
): { readonly fingerprint: string | undefined; readonly state: FeedState | undefined } {
  if (state !== undefined && state.generation !== '' && state.run === run) return { fingerprint: undefined, state };
  if (state === undefined || (state.generation === '' && state.nonce === '')) {
    const planted = { ...(state ?? NO_STATE), nonce };
    return { fingerprint: fingerprintOf(planted), state: planted };
  }
  return { fingerprint: fingerprintOf(state), state };
}

/** renew.lua: `row` is what the UPDATE of the watermark row returned for the new `generation`. */
export function renewFeed(
  state: FeedState | undefined,
  run: string,
  fingerprint: string,
  generation: string,
  row: { readonly seq: number; readonly writer: string },
  claim: OpenClaim,
): Answer<RenewOutcome> {
  if (fingerprintOf(state ?? NO_STATE) !== fingerprint) return { outcome: 'changed', state };
  if (state !== undefined && isLate(state, claim)) return { outcome: 'late', state };
  if (isTaken(row.writer, row.seq, claim)) return { outcome: 'taken', state };
  const { session, instance, attempt } = claim;
  return {
    outcome: 'opened',
    state: {
      run,
      generation,
      position: row.seq,
      shownUpTo: Math.max(row.seq, state?.shownUpTo ?? 0),
      session,
      instance,
      attempt,
      writer: row.writer,
      nonce: '',
    },
  };
}

/** append.lua, without the buffer's own numbers: `isFull` says whether the bound is reached. */
export function appendFrames(
  state: FeedState | undefined,
  run: string,
  session: string,
  frames: { readonly prev: number; readonly last: number; readonly writer: string },
  isFull: boolean,
): Answer<AppendOutcome> {
  if (state === undefined || state.generation === '' || state.run !== run) return { outcome: 'lost-state', state };
  if (state.session !== session) return { outcome: 'session', state };
  if (frames.last <= state.position) return { outcome: 'repeat', state };
  if (frames.prev !== state.position) return { outcome: 'lost-chain', state };
  if (isFull) return { outcome: 'full', state };
  const shownUpTo = Math.max(state.shownUpTo, frames.last);
  return { outcome: 'appended', state: { ...state, position: frames.last, writer: frames.writer, shownUpTo } };
}

/** invalidate.lua: the state after. `published` stays, since it only says how far dashboards have seen the feed. */
export function invalidateFeed(
  state: FeedState | undefined,
  run: string,
  generation: string,
): Answer<'invalidated' | 'kept'> {
  if (state === undefined || state.run !== run || state.generation !== generation) return { outcome: 'kept', state };
  return { outcome: 'invalidated', state: { ...NO_STATE, shownUpTo: state.shownUpTo } };
}

/** trim.lua, for an entry whose generation is not the row's. */
export function mayTrimStale(state: FeedState | undefined, entryGeneration: string): boolean {
  return state !== undefined && state.generation !== '' && state.generation !== entryGeneration;
}

const NO_STATE: FeedState = {
  run: '',
  generation: '',
  position: 0,
  shownUpTo: 0,
  session: '',
  instance: '',
  attempt: 0,
  writer: '',
  nonce: '',
};

function fingerprintOf(state: FeedState): string {
  return `${state.run}|${state.generation}|${state.nonce}`;
}

function isLate(state: FeedState, claim: OpenClaim): boolean {
  return state.instance === claim.instance && claim.attempt < state.attempt;
}

/** Two programs of one name: the later open of one finds frames of the other that it was never told of. */
function isTaken(writer: string, position: number, claim: OpenClaim): boolean {
  return claim.attempt > 1 && writer !== '' && writer !== claim.instance && position > claim.have;
}
