import type { OpenClaim, FeedState } from '../../src/stream/feed-state.ts';
import { appendFrames, invalidateFeed, mayTrimStale, openFeed, renewFeed, prepareRenewal } from './feed-state-rules.ts';
import type { ScriptName } from '../../src/buffer/lua-scripts.ts';
import type { BufferKeys } from '../../src/buffer/keys.ts';
import type { Random } from '../../clients/simulator/random.ts';

/** The rules of feed-state-rules.ts; a test replaces them by wrong ones, to see that it would notice. */
export interface FeedStateRules {
  readonly openFeed: typeof openFeed;
  readonly prepareRenewal: typeof prepareRenewal;
  readonly renewFeed: typeof renewFeed;
  readonly appendFrames: typeof appendFrames;
  readonly invalidateFeed: typeof invalidateFeed;
  readonly mayTrimStale: typeof mayTrimStale;
}

export const FEED_STATE_RULES: FeedStateRules = {
  openFeed,
  prepareRenewal,
  renewFeed,
  appendFrames,
  invalidateFeed,
  mayTrimStale,
};

/** One command: as it is sent to Redis, and with the outcome that the rules demand. */
export type Command =
  | {
      readonly script: ScriptName;
      readonly keys: readonly string[];
      readonly args: ReadonlyArray<string | number>;
      readonly expected: unknown;
    }
  | { readonly del: string };

/** An entry as the rules say it must stand in the stream. */
interface ExpectedEntry {
  readonly feed: string;
  readonly generation: string;
  readonly total: string;
  readonly shownUpTo: string;
  readonly liveSeq: string;
  readonly data: string;
}

const RUNS = ['run-1', 'run-2'] as const;
const INSTANCES = ['A', 'B', 'C'] as const;
const MAX_SEQ = Number.MAX_SAFE_INTEGER;
const FIRST_POSITIONS = [0, 1, 7, 1_000_000, 2 ** 32, 2 ** 53 - 20, MAX_SEQ - 1, MAX_SEQ] as const;
const TAKEOVER_MS = 600_000;

/**
 * Draws random but plausible commands on many feeds, and keeps beside them what feed-state-rules.ts makes of each. Knows
 * nothing of Redis but the order in which the commands are run.
 */
export class FeedStateCommands {
  readonly #keys: BufferKeys;
  readonly #random: Random;
  readonly #rules: FeedStateRules;
  readonly states: Map<string, FeedState> = new Map();
  readonly #fingerprints = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly entries: ExpectedEntry[] = [];
  #marks = 0;
  #run: string = RUNS[0];
  #streamId: string | undefined;
  #streamExists = false;
  #total = 0;
  #handled = 0;
  #liveSeq = 0;

  constructor(keys: BufferKeys, random: Random, rules: FeedStateRules) {
    this.#keys = keys;
    this.#random = random;
    this.#rules = rules;
  }

  /** The stream as it is expected to stand: how it is named, and how far it was counted. */
  get meta(): Readonly<Record<string, string>> {
    if (this.#streamId === undefined) return {};
    return {
      incarnation: this.#streamId,
      handled: String(this.#handled),
      shown: String(this.#liveSeq),
      total: String(this.#total),
    };
  }

  /** The server is started again, or is the one before. */
  changeRun(): void {
    this.#run = this.#pick(RUNS);
  }

  draw(feed: string): Command {
    const kind = this.#below(40);
    if (kind < 8) return this.#open(feed);
    if (kind < 11) return this.#see(feed);
    if (kind < 17) return this.#renew(feed);
    if (kind < 34) return this.#append(feed);
    if (kind < 36) return this.#invalidate(feed);
    if (kind < 38) return this.#release(feed);
    if (kind < 39) {
      this.states.delete(feed);
      return { del: this.#keys.state(feed) };
    }
    this.#taken.delete(feed);
    return { del: this.#keys.takeover(feed) };
  }

  /** settle.lua on entries that are in the stream now; `ids` are theirs. */
  trim(ids: readonly string[]): Command & { readonly removed: ReadonlySet<number> } {
    const isThisStream = this.#below(5) > 0;
    const streamId = isThisStream ? (this.#streamId ?? 'none') : 'another';
    const handled = Math.max(0, this.#handled + this.#below(200) - 50);
    const chosen = ids.map((id, at) => ({ id, at })).filter(() => this.#below(4) === 0);
    const committed = chosen.filter(() => this.#below(2) === 0);
    const stale = chosen.filter((each) => !committed.includes(each));
    const feeds = [...new Set(stale.map(({ at }) => this.entries[at]?.feed ?? ''))];
    const args: Array<string | number> = [streamId, String(handled), committed.length];
    args.push(...committed.map(({ id }) => id));
    for (const { id, at } of stale) {
      const entry = this.entries[at];
      args.push(id, entry?.generation ?? '', feeds.indexOf(entry?.feed ?? '') + 3);
    }
    const isRun = streamId === this.#streamId;
    const gone = stale.filter(({ at }) => {
      const entry = this.entries[at];
      return this.#rules.mayTrimStale(this.states.get(entry?.feed ?? ''), entry?.generation ?? '');
    });
    if (isRun) this.#handled = Math.max(this.#handled, handled);
    return {
      script: 'trim',
      keys: [this.#keys.stream, this.#keys.meta, ...feeds.map((feed) => this.#keys.state(feed))],
      args,
      expected: isRun ? gone.map(({ id }) => id) : null,
      removed: new Set(isRun ? [...committed, ...gone].map(({ at }) => at) : []),
    };
  }

  /** The stream is deleted and the states are kept, or what is known of the stream is. */
  deleteStream(): Command {
    this.entries.length = 0;
    this.#streamExists = false;
    return { del: this.#keys.stream };
  }

  deleteMeta(): Command {
    this.#streamId = undefined;
    this.#total = 0;
    this.#handled = 0;
    this.#liveSeq = 0;
    return { del: this.#keys.meta };
  }

  #open(feed: string): Command {
    const claim = this.#claim(feed);
    const intervalMs = this.#below(2) * TAKEOVER_MS;
    const before = this.states.get(feed);
    const isSpaced = intervalMs > 0 && this.#taken.has(feed);
    const { outcome, state } = this.#rules.openFeed(before, this.#run, claim, isSpaced);
    const takesOver = before !== undefined && before.session !== '' && before.instance !== claim.instance;
    if (outcome === 'opened' && takesOver && intervalMs > 0) this.#taken.add(feed);
    this.#keep(feed, state);
    const { session, instance, attempt, have } = claim;
    return {
      script: 'open',
      keys: [this.#keys.state(feed), this.#keys.takeover(feed)],
      args: [this.#run, session, instance, attempt, have, intervalMs],
      expected: outcome === 'opened' ? [outcome, state?.generation, String(state?.position)] : [outcome],
    };
  }

  #see(feed: string): Command {
    const nonce = this.#mark('nonce');
    const { fingerprint, state } = this.#rules.prepareRenewal(this.states.get(feed), this.#run, nonce);
    this.#keep(feed, state);
    if (fingerprint !== undefined) this.#fingerprints.set(feed, fingerprint);
    return {
      script: 'prepare-renewal',
      keys: [this.#keys.state(feed)],
      args: [this.#run, nonce],
      expected: fingerprint === undefined ? ['present'] : ['seen', fingerprint],
    };
  }

  #renew(feed: string): Command {
    const claim = this.#claim(feed);
    const state = this.states.get(feed);
    const present = `${state?.run ?? ''}|${state?.generation ?? ''}|${state?.nonce ?? ''}`;
    const fingerprint = this.#pick([this.#fingerprints.get(feed) ?? '||', present, present, 'garbage|x|y']);
    const row = {
      seq: this.#below(2) === 0 ? this.#pick(FIRST_POSITIONS) : this.#near(state?.position ?? 0),
      writer: this.#pick(['', ...INSTANCES]),
    };
    const generation = this.#mark('generation');
    const answer = this.#rules.renewFeed(state, this.#run, fingerprint, generation, row, claim);
    this.#keep(feed, answer.state);
    const { session, instance, attempt, have } = claim;
    return {
      script: 'renew',
      keys: [this.#keys.state(feed), this.#keys.feeds],
      args: [this.#run, fingerprint, generation, String(row.seq), row.writer, session, instance, attempt, have, feed],
      expected: answer.outcome === 'opened' ? ['opened', generation, String(row.seq)] : [answer.outcome],
    };
  }

  #append(feed: string): Command {
    const state = this.states.get(feed);
    const position = state?.position ?? 0;
    const prev = this.#below(4) === 0 ? this.#near(position) : position;
    const last = this.#below(6) === 0 ? this.#near(position) : Math.min(MAX_SEQ, prev + 1 + this.#below(5));
    const session = this.#below(6) === 0 ? 'another' : (state?.session ?? '');
    const run = this.#below(12) === 0 ? this.#pick(RUNS) : this.#run;
    const writer = this.#pick(INSTANCES);
    const ticks = this.#below(30);
    const isLive = this.#below(3) > 0;
    const bound = this.#pick([40, 1_000_000]);
    const streamId = this.#mark('stream');
    const isFresh = this.#streamId === undefined || !this.#streamExists;
    const [total, handled] = isFresh ? [0, 0] : [this.#total, this.#handled];
    const isFull = total > handled && total - handled + ticks > bound;
    const { outcome, state: after } = this.#rules.appendFrames(state, run, session, { prev, last, writer }, isFull);
    this.#keep(feed, after);
    const data = this.#mark('entry');
    if (outcome === 'appended' && state !== undefined) {
      if (isFresh) {
        this.#streamId = streamId;
        this.#handled = 0;
        this.#liveSeq = 0;
      }
      this.#streamExists = true;
      this.#total = total + ticks;
      const isLiveEntry = isLive && last > state.shownUpTo;
      if (isLiveEntry) this.#liveSeq += 1;
      this.entries.push({
        feed,
        generation: state.generation,
        total: String(this.#total),
        shownUpTo: String(state.shownUpTo),
        liveSeq: isLiveEntry ? String(this.#liveSeq) : '0',
        data,
      });
    }
    return {
      script: 'append',
      keys: [this.#keys.state(feed), this.#keys.stream, this.#keys.meta],
      args: [
        run,
        session,
        String(prev),
        String(last),
        ticks,
        isLive ? '1' : '0',
        bound,
        streamId,
        feed,
        writer,
        this.#keys.liveChannel,
        data,
      ],
      expected: outcome.startsWith('lost-') ? ['lost', outcome.slice('lost-'.length)] : [outcome],
    };
  }

  #invalidate(feed: string): Command {
    const state = this.states.get(feed);
    const run = this.#below(4) === 0 ? this.#pick(RUNS) : (state?.run ?? this.#run);
    const generation = this.#below(4) === 0 ? this.#mark('generation') : (state?.generation ?? '');
    const answer = this.#rules.invalidateFeed(state, run === '' ? this.#run : run, generation);
    this.#keep(feed, answer.state);
    return {
      script: 'invalidate',
      keys: [this.#keys.state(feed), this.#keys.feeds],
      args: [run === '' ? this.#run : run, generation, feed],
      expected: answer.outcome === 'invalidated' ? 1 : 0,
    };
  }

  #release(feed: string): Command {
    const state = this.states.get(feed);
    const session = this.#below(3) === 0 ? 'another' : (state?.session ?? 'another');
    const isOwn = state !== undefined && state.session === session && session !== '';
    if (isOwn) this.states.set(feed, { ...state, session: '' });
    return {
      script: 'release',
      keys: [this.#keys.state(feed)],
      args: [session === '' ? 'another' : session],
      expected: isOwn ? 1 : 0,
    };
  }

  #claim(feed: string): OpenClaim {
    const position = this.states.get(feed)?.position ?? 0;
    return {
      session: this.#mark('session'),
      instance: this.#pick(INSTANCES),
      attempt: this.#pick([1, 1, 2, 2, 3, MAX_SEQ]),
      have: this.#below(3) === 0 ? 0 : this.#near(position),
    };
  }

  #keep(feed: string, state: FeedState | undefined): void {
    if (state !== undefined) this.states.set(feed, state);
  }

  /** A seq near another one, so that comparisons are decided by one. */
  #near(seq: number): number {
    return Math.min(MAX_SEQ, Math.max(0, seq + this.#below(7) - 3));
  }

  #mark(what: string): string {
    return `${what}-${++this.#marks}`;
  }

  #below(bound: number): number {
    return Math.floor(this.#random.fraction() * bound);
  }

  #pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.#below(choices.length)] ?? choices[0];
  }
}
