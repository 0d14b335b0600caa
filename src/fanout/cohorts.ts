import type { CodecName } from '../protocol/version.ts';
import type { LiveOutbox } from './live-outbox.ts';
import { RowList } from './row-list.ts';
import { filterKey, isEmptyFilter, type SymbolFilter } from './symbol-filter.ts';

/** How a dashboard wants its ticks. */
export interface TickWish {
  readonly codec: CodecName;
  /** With `pos` after each array. */
  readonly withPositions: boolean;
  readonly filter: SymbolFilter;
}

/** What `fromEntry` is of a cohort for which nothing waits. */
export const NOTHING_WAITS = -1;

/** Dashboards that are to get the same bytes. A class, so that all of them have one shape: it is read for every tick. */
export class Cohort implements TickWish {
  readonly key: string;
  readonly codec: CodecName;
  readonly withPositions: boolean;
  readonly filter: SymbolFilter;
  readonly members: Set<LiveOutbox> = new Set();
  /** First of the gathered entries that has ticks for it. */
  fromEntry: number = NOTHING_WAITS;
  /** Rows that wait for it, where it names symbols. */
  readonly rows: RowList = new RowList();
  /** When it was served last, by the clock of whoever hands out. */
  servedMs: number = Number.NEGATIVE_INFINITY;

  constructor(key: string, { codec, withPositions, filter }: TickWish) {
    this.key = key;
    this.codec = codec;
    this.withPositions = withPositions;
    this.filter = filter;
  }
}

/** Which dashboards get the same frames, and which symbols go where. */
export class Cohorts {
  readonly #byKey = new Map<string, Cohort>();
  readonly #bySymbol = new Map<string, Cohort[]>();
  readonly #ofAll = new Set<Cohort>();
  readonly #byMember = new Map<LiveOutbox, Cohort>();
  #version = 0;

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Cohorts that get every symbol. */
  get ofAll(): Iterable<Cohort> {
    return this.#ofAll;
  }

  /** Changes with the cohorts. */
  get version(): number {
    return this.#version;
  }

  /** Cohorts that name the symbol. */
  of(symbol: string): readonly Cohort[] | undefined {
    return this.#bySymbol.get(symbol);
  }

  join(member: LiveOutbox, wish: TickWish): void {
    this.leave(member);
    if (isEmptyFilter(wish.filter)) return;
    const key = `${wish.codec} ${wish.withPositions ? 'pos' : ''} ${filterKey(wish.filter)}`;
    let cohort = this.#byKey.get(key);
    if (cohort === undefined) {
      cohort = new Cohort(key, wish);
      this.#add(cohort);
    }
    cohort.members.add(member);
    this.#byMember.set(member, cohort);
  }

  leave(member: LiveOutbox): void {
    const cohort = this.#byMember.get(member);
    if (cohort === undefined) return;
    this.#byMember.delete(member);
    cohort.members.delete(member);
    if (cohort.members.size === 0) this.#remove(cohort);
  }

  #add(cohort: Cohort): void {
    this.#version += 1;
    this.#byKey.set(cohort.key, cohort);
    if (cohort.filter.isAll) {
      this.#ofAll.add(cohort);
      return;
    }
    for (const symbol of cohort.filter.names) {
      const list = this.#bySymbol.get(symbol);
      if (list === undefined) this.#bySymbol.set(symbol, [cohort]);
      else list.push(cohort);
    }
  }

  #remove(cohort: Cohort): void {
    this.#version += 1;
    this.#byKey.delete(cohort.key);
    if (cohort.filter.isAll) {
      this.#ofAll.delete(cohort);
      return;
    }
    for (const symbol of cohort.filter.names) {
      const rest = (this.#bySymbol.get(symbol) ?? []).filter((each) => each !== cohort);
      if (rest.length > 0) this.#bySymbol.set(symbol, rest);
      else this.#bySymbol.delete(symbol);
    }
  }
}
