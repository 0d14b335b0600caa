import type {
  Answer,
  AppendOutcome,
  OpenClaim,
  OpenOutcome,
  PlaceState,
  RenewOutcome,
} from '../../src/buffer/place-rules.ts';
import type { ModelFrame } from './feed-model.ts';
import type { ModelRules } from './model-rules.ts';

export interface ModelEntry {
  readonly id: number;
  readonly feed: string;
  readonly generation: string;
  readonly writer: string;
  readonly frames: readonly ModelFrame[];
}

export interface ModelPage {
  readonly run: string;
  readonly incarnation: string | undefined;
  readonly entries: readonly ModelEntry[];
  readonly atEnd: boolean;
}

interface Copy {
  readonly states: Map<string, PlaceState>;
  readonly stream: readonly ModelEntry[];
  readonly nextId: number;
  readonly incarnation: string | undefined;
  readonly exists: boolean;
}

/** The Redis server: states, the stream, and what can happen to them. Its scripts are the production's place rules. */
export class RedisModel {
  readonly #rules: ModelRules;
  readonly #newMark: (what: string) => string;
  readonly #story: string[] | undefined;
  run: string;
  isUp = true;
  /** The buffer's bound is reached, or Redis answers OOM: nothing can be appended. */
  isFull = false;
  /** Take-overs come too close together. */
  isSpacing = false;
  /** How often data was lost here; without any, what was acknowledged must not get lost. */
  losses = 0;
  /** Places given at the end of a renewal. */
  renewals = 0;
  /** How often it came back with older data. */
  rollbacks = 0;
  states: Map<string, PlaceState> = new Map();
  #stream: ModelEntry[] = [];
  #nextId = 1;
  #incarnation: string | undefined;
  #exists = false;
  #copy: Copy | undefined;

  constructor(rules: ModelRules, newMark: (what: string) => string, story: string[] | undefined) {
    this.#rules = rules;
    this.#newMark = newMark;
    this.#story = story;
    this.run = newMark('run');
  }

  open(feed: string, claim: OpenClaim): Answer<OpenOutcome> {
    const answer = this.#rules.openPlace(this.states.get(feed), this.run, claim, this.isSpacing);
    return this.#write(`open by ${claim.instance}, attempt ${claim.attempt}, have ${claim.have}`, feed, answer);
  }

  see(feed: string): string | undefined {
    const { tag, state } = this.#rules.seePlace(this.states.get(feed), this.run, this.#newMark('seed'));
    if (state !== undefined) this.states.set(feed, state);
    return tag;
  }

  renew(
    feed: string,
    tag: string,
    generation: string,
    row: { readonly seq: number; readonly writer: string },
    claim: OpenClaim,
  ): Answer<RenewOutcome> {
    const answer = this.#rules.renewPlace(this.states.get(feed), this.run, tag, generation, row, claim);
    if (answer.outcome === 'opened') this.renewals += 1;
    return this.#write(`renewal by ${claim.instance}, attempt ${claim.attempt}, have ${claim.have}`, feed, answer);
  }

  append(feed: string, session: string, writer: string, frames: readonly ModelFrame[]): Answer<AppendOutcome> {
    const prev = frames[0]?.prev ?? 0;
    const last = frames.at(-1)?.seq ?? 0;
    const state = this.states.get(feed);
    const answer = this.#rules.appendFrames(state, this.run, session, { prev, last, writer }, this.isFull);
    if (answer.outcome === 'appended' && state !== undefined) {
      if (!this.#exists || this.#incarnation === undefined) this.#incarnation = this.#newMark('incarnation');
      this.#exists = true;
      this.#stream.push({ id: this.#nextId++, feed, generation: state.generation, writer, frames });
    }
    return this.#write(`append of ${frames.map((frame) => frame.name).join(' ')}`, feed, answer);
  }

  release(feed: string, session: string): void {
    const state = this.states.get(feed);
    if (state !== undefined && state.session === session) this.states.set(feed, { ...state, session: '' });
  }

  condemn(feed: string, run: string, generation: string): boolean {
    const answer = this.#rules.condemnPlace(this.states.get(feed), run, generation);
    return this.#write(`condemn ${generation}`, feed, answer).outcome === 'condemned';
  }

  /** States that are places, as the look and the judge read them. */
  places(): Map<string, PlaceState> {
    const places = new Map<string, PlaceState>();
    for (const [feed, state] of this.states) if (state.generation !== '') places.set(feed, state);
    return places;
  }

  read(cursor: number, maxEntries: number): ModelPage {
    const entries: ModelEntry[] = [];
    for (const entry of this.#stream) {
      if (entry.id <= cursor) continue;
      if (entries.length === maxEntries) break;
      entries.push(entry);
    }
    const incarnation = this.#exists ? this.#incarnation : undefined;
    return { run: this.run, incarnation, entries, atEnd: entries.length < maxEntries };
  }

  /** settle.lua. @returns ids of the foreign entries removed */
  settle(
    incarnation: string | undefined,
    committed: ReadonlySet<number>,
    foreign: ReadonlyMap<number, ModelEntry>,
  ): number[] | undefined {
    if (this.#incarnation !== incarnation) return undefined;
    const gone: number[] = [];
    for (const { id, feed, generation } of foreign.values()) {
      if (this.#rules.mayTrimForeign(this.states.get(feed), generation)) gone.push(id);
    }
    if (committed.size === 0 && gone.length === 0) return gone;
    this.#stream = this.#stream.filter((entry) => !committed.has(entry.id) && !gone.includes(entry.id));
    return gone;
  }

  takeCopy(): void {
    this.#copy = {
      states: new Map(this.states),
      stream: [...this.#stream],
      nextId: this.#nextId,
      incarnation: this.#incarnation,
      exists: this.#exists,
    };
  }

  /** FLUSHALL. Entry ids begin anew, as after a clock that was set back. */
  wipe(): void {
    this.losses += 1;
    this.states = new Map();
    this.#stream = [];
    this.#nextId = 1;
    this.#incarnation = undefined;
    this.#exists = false;
  }

  /** Another server process, with all data (a run id is lost by it: so are places), an older copy, or none. */
  restart(data: 'all' | 'copy' | 'none'): void {
    this.losses += 1;
    if (data === 'none') this.wipe();
    if (data === 'copy' && this.#copy !== undefined) {
      this.rollbacks += 1;
      this.states = new Map(this.#copy.states);
      this.#stream = [...this.#copy.stream];
      this.#nextId = this.#copy.nextId;
      this.#incarnation = this.#copy.incarnation;
      this.#exists = this.#copy.exists;
    }
    this.run = this.#newMark('run');
  }

  loseTail(count: number): void {
    this.losses += 1;
    this.#stream.length = Math.max(0, this.#stream.length - count);
  }

  loseOne(pick: number): void {
    this.losses += 1;
    if (this.#stream.length > 0) this.#stream.splice(pick % this.#stream.length, 1);
  }

  deleteStream(): void {
    this.losses += 1;
    this.#stream = [];
    this.#exists = false;
  }

  deleteState(feed: string): void {
    this.losses += 1;
    this.states.delete(feed);
  }

  #write<Outcome extends string>(what: string, feed: string, answer: Answer<Outcome>): Answer<Outcome> {
    if (answer.state !== undefined) this.states.set(feed, answer.state);
    this.#story?.push(`  ${feed}: ${what}: ${answer.outcome}; ${placeText(answer.state)}`);
    return answer;
  }
}

function placeText(state: PlaceState | undefined): string {
  if (state === undefined) return 'no place';
  const { generation, position, writer, instance } = state;
  return `place ${generation} at ${position}, written by ${writer}, opened by ${instance}`;
}
