import type { OpenClaim, FeedState } from '../../src/stream/feed-state.ts';
import type { Answer, AppendOutcome, OpenOutcome, RenewOutcome } from '../buffer/feed-state-rules.ts';
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
  readonly streamId: string | undefined;
  readonly entries: readonly ModelEntry[];
  readonly atEnd: boolean;
}

interface Copy {
  readonly states: Map<string, FeedState>;
  readonly stream: readonly ModelEntry[];
  readonly nextId: number;
  readonly streamId: string | undefined;
  readonly exists: boolean;
}

/** The Redis server: states, the stream, and what can happen to them. Its scripts are the production's feed state rules. */
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
  /** States written at the end of a renewal. */
  renewals = 0;
  /** How often it came back with older data. */
  rollbacks = 0;
  states: Map<string, FeedState> = new Map();
  #stream: ModelEntry[] = [];
  #nextId = 1;
  #streamId: string | undefined;
  #exists = false;
  #copy: Copy | undefined;

  constructor(rules: ModelRules, newMark: (what: string) => string, story: string[] | undefined) {
    this.#rules = rules;
    this.#newMark = newMark;
    this.#story = story;
    this.run = newMark('run');
  }

  open(feed: string, claim: OpenClaim): Answer<OpenOutcome> {
    const answer = this.#rules.openFeed(this.states.get(feed), this.run, claim, this.isSpacing);
    return this.#write(`open by ${claim.instance}, attempt ${claim.attempt}, have ${claim.have}`, feed, answer);
  }

  prepareRenewal(feed: string): string | undefined {
    const { fingerprint, state } = this.#rules.prepareRenewal(this.states.get(feed), this.run, this.#newMark('nonce'));
    if (state !== undefined) this.states.set(feed, state);
    return fingerprint;
  }

  renew(
    feed: string,
    fingerprint: string,
    generation: string,
    row: { readonly seq: number; readonly writer: string },
    claim: OpenClaim,
  ): Answer<RenewOutcome> {
    const answer = this.#rules.renewFeed(this.states.get(feed), this.run, fingerprint, generation, row, claim);
    if (answer.outcome === 'opened') this.renewals += 1;
    return this.#write(`renewal by ${claim.instance}, attempt ${claim.attempt}, have ${claim.have}`, feed, answer);
  }

  append(feed: string, session: string, writer: string, frames: readonly ModelFrame[]): Answer<AppendOutcome> {
    const prev = frames[0]?.prev ?? 0;
    const last = frames.at(-1)?.seq ?? 0;
    const state = this.states.get(feed);
    const answer = this.#rules.appendFrames(state, this.run, session, { prev, last, writer }, this.isFull);
    if (answer.outcome === 'appended' && state !== undefined) {
      if (!this.#exists || this.#streamId === undefined) this.#streamId = this.#newMark('stream');
      this.#exists = true;
      this.#stream.push({ id: this.#nextId++, feed, generation: state.generation, writer, frames });
    }
    return this.#write(`append of ${frames.map((frame) => frame.name).join(' ')}`, feed, answer);
  }

  release(feed: string, session: string): void {
    const state = this.states.get(feed);
    if (state !== undefined && state.session === session) this.states.set(feed, { ...state, session: '' });
  }

  invalidate(feed: string, run: string, generation: string): boolean {
    const answer = this.#rules.invalidateFeed(this.states.get(feed), run, generation);
    return this.#write(`invalidate ${generation}`, feed, answer).outcome === 'invalidated';
  }

  /** States of this run, as reconciliation and the divergence check read them. */
  feedStates(): Map<string, FeedState> {
    const feedStates = new Map<string, FeedState>();
    for (const [feed, state] of this.states) if (state.generation !== '') feedStates.set(feed, state);
    return feedStates;
  }

  read(cursor: number, maxEntries: number): ModelPage {
    const entries: ModelEntry[] = [];
    for (const entry of this.#stream) {
      if (entry.id <= cursor) continue;
      if (entries.length === maxEntries) break;
      entries.push(entry);
    }
    const streamId = this.#exists ? this.#streamId : undefined;
    return { run: this.run, streamId, entries, atEnd: entries.length < maxEntries };
  }

  /** settle.lua. @returns ids of the foreign entries removed */
  trim(
    streamId: string | undefined,
    committed: ReadonlySet<number>,
    stale: ReadonlyMap<number, ModelEntry>,
  ): number[] | undefined {
    if (this.#streamId !== streamId) return undefined;
    const gone: number[] = [];
    for (const { id, feed, generation } of stale.values()) {
      if (this.#rules.mayTrimStale(this.states.get(feed), generation)) gone.push(id);
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
      streamId: this.#streamId,
      exists: this.#exists,
    };
  }

  /** FLUSHALL. Entry ids begin anew, as after a clock that was set back. */
  wipe(): void {
    this.losses += 1;
    this.states = new Map();
    this.#stream = [];
    this.#nextId = 1;
    this.#streamId = undefined;
    this.#exists = false;
  }

  /** Another server process, with all data (a run id is lost by it: so are states), an older copy, or none. */
  restart(data: 'all' | 'copy' | 'none'): void {
    this.losses += 1;
    if (data === 'none') this.wipe();
    if (data === 'copy' && this.#copy !== undefined) {
      this.rollbacks += 1;
      this.states = new Map(this.#copy.states);
      this.#stream = [...this.#copy.stream];
      this.#nextId = this.#copy.nextId;
      this.#streamId = this.#copy.streamId;
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
    this.#story?.push(`  ${feed}: ${what}: ${answer.outcome}; ${stateText(answer.state)}`);
    return answer;
  }
}

function stateText(state: FeedState | undefined): string {
  if (state === undefined) return 'no state';
  const { generation, position, writer, instance } = state;
  return `state ${generation} at ${position}, written by ${writer}, opened by ${instance}`;
}
