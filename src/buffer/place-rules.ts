/**
 * The rules by which a feed's place is given, used and taken away, as pure functions. The Lua scripts in `lua/` are
 * the same rules on Redis; a differential test holds the two together, and the model test runs these.
 */

/** A feed's state in Redis: its place in the stream. */
export interface PlaceState {
  /** Run id of the Redis server that the state belongs to; empty where only a seed is planted. */
  readonly run: string;
  /** Random number of one unbroken continuation of the feed; empty where the feed has no place. */
  readonly generation: string;
  readonly position: number;
  /** Highest seq shown to dashboards. */
  readonly published: number;
  /** The open that may append; empty after its connection ended. */
  readonly session: string;
  /** Who opened last, and for the how-many-th time. */
  readonly instance: string;
  readonly attempt: number;
  /** Instance that wrote the last frame. */
  readonly writer: string;
  /** Random mark planted before a renewal where there was no state. */
  readonly seed: string;
}

/** Who asks for a place. */
export interface OpenClaim {
  readonly session: string;
  readonly instance: string;
  readonly attempt: number;
  readonly have: number;
}

export type OpenOutcome = 'opened' | 'none' | 'late' | 'taken' | 'spaced';
export type RenewOutcome = 'opened' | 'changed' | 'late' | 'taken';
export type AppendOutcome = 'appended' | 'repeat' | 'lost-state' | 'lost-chain' | 'session' | 'full';

export interface Answer<Outcome extends string> {
  readonly outcome: Outcome;
  /** The state after; the same object when nothing was written. */
  readonly state: PlaceState | undefined;
}

/** open.lua. `takeoverSpaced`: the last take-over of this feed was too short a time ago. */
export function openPlace(
  state: PlaceState | undefined,
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

/** see.lua: the tag of what is there, with a seed planted where nothing is. */
export function seePlace(
  state: PlaceState | undefined,
  run: string,
  seed: string,
): { readonly tag: string | undefined; readonly state: PlaceState | undefined } {
  if (state !== undefined && state.generation !== '' && state.run === run) return { tag: undefined, state };
  if (state === undefined || (state.generation === '' && state.seed === '')) {
    const planted = { ...(state ?? NO_PLACE), seed };
    return { tag: placeTag(planted), state: planted };
  }
  return { tag: placeTag(state), state };
}

/** renew.lua: `row` is what the UPDATE of the watermark row returned for the new `generation`. */
export function renewPlace(
  state: PlaceState | undefined,
  run: string,
  tag: string,
  generation: string,
  row: { readonly seq: number; readonly writer: string },
  claim: OpenClaim,
): Answer<RenewOutcome> {
  if (placeTag(state ?? NO_PLACE) !== tag) return { outcome: 'changed', state };
  if (state !== undefined && isLate(state, claim)) return { outcome: 'late', state };
  if (isTaken(row.writer, row.seq, claim)) return { outcome: 'taken', state };
  const { session, instance, attempt } = claim;
  return {
    outcome: 'opened',
    state: {
      run,
      generation,
      position: row.seq,
      published: Math.max(row.seq, state?.published ?? 0),
      session,
      instance,
      attempt,
      writer: row.writer,
      seed: '',
    },
  };
}

/** append.lua, without the buffer's own numbers: `isFull` says whether the bound is reached. */
export function appendFrames(
  state: PlaceState | undefined,
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
  const published = Math.max(state.published, frames.last);
  return { outcome: 'appended', state: { ...state, position: frames.last, writer: frames.writer, published } };
}

/** condemn.lua: the state after. `published` stays, since it only says what was shown. */
export function condemnPlace(
  state: PlaceState | undefined,
  run: string,
  generation: string,
): Answer<'condemned' | 'kept'> {
  if (state === undefined || state.run !== run || state.generation !== generation) return { outcome: 'kept', state };
  return { outcome: 'condemned', state: { ...NO_PLACE, published: state.published } };
}

/** settle.lua, for an entry whose generation is not the row's. */
export function mayTrimForeign(state: PlaceState | undefined, entryGeneration: string): boolean {
  return state !== undefined && state.generation !== '' && state.generation !== entryGeneration;
}

const NO_PLACE: PlaceState = {
  run: '',
  generation: '',
  position: 0,
  published: 0,
  session: '',
  instance: '',
  attempt: 0,
  writer: '',
  seed: '',
};

function placeTag(state: PlaceState): string {
  return `${state.run}|${state.generation}|${state.seed}`;
}

function isLate(state: PlaceState, claim: OpenClaim): boolean {
  return state.instance === claim.instance && claim.attempt < state.attempt;
}

/** Two programs of one name: the later open of one finds frames of the other that it was never told of. */
function isTaken(writer: string, position: number, claim: OpenClaim): boolean {
  return claim.attempt > 1 && writer !== '' && writer !== claim.instance && position > claim.have;
}
