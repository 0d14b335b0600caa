import type { CodecName } from '../../protocol/version.ts';
import type { LiveOutbox } from './live-outbox.ts';
import { RowList } from '../frames/row-list.ts';
import { filterKey, isEmptyFilter, type SymbolFilter } from '../symbol-filter.ts';

/** How a dashboard wants its ticks. */
export interface DeliveryProfile {
  readonly codec: CodecName;
  /** With `pos` after each array. */
  readonly withPositions: boolean;
  readonly filter: SymbolFilter;
}

/** What `fromEntry` is of a group for which nothing waits. */
export const NOTHING_WAITS = -1;

/** Dashboards that are to get the same bytes. A class, so that all of them have one shape: it is read for every tick. */
export class SubscriberGroup implements DeliveryProfile {
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

  constructor(key: string, { codec, withPositions, filter }: DeliveryProfile) {
    this.key = key;
    this.codec = codec;
    this.withPositions = withPositions;
    this.filter = filter;
  }
}

/** Which dashboards get the same frames, and which symbols go where. */
export class SubscriberGroups {
  readonly #byKey = new Map<string, SubscriberGroup>();
  readonly #bySymbol = new Map<string, SubscriberGroup[]>();
  readonly #ofAll = new Set<SubscriberGroup>();
  readonly #byMember = new Map<LiveOutbox, SubscriberGroup>();
  #version = 0;

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Cohorts that get every symbol. */
  get ofAll(): Iterable<SubscriberGroup> {
    return this.#ofAll;
  }

  /** Changes with the groups. */
  get version(): number {
    return this.#version;
  }

  /** Cohorts that name the symbol. */
  of(symbol: string): readonly SubscriberGroup[] | undefined {
    return this.#bySymbol.get(symbol);
  }

  join(member: LiveOutbox, profile: DeliveryProfile): void {
    this.leave(member);
    if (isEmptyFilter(profile.filter)) return;
    const key = `${profile.codec} ${profile.withPositions ? 'pos' : ''} ${filterKey(profile.filter)}`;
    let group = this.#byKey.get(key);
    if (group === undefined) {
      group = new SubscriberGroup(key, profile);
      this.#add(group);
    }
    group.members.add(member);
    this.#byMember.set(member, group);
  }

  leave(member: LiveOutbox): void {
    const group = this.#byMember.get(member);
    if (group === undefined) return;
    this.#byMember.delete(member);
    group.members.delete(member);
    if (group.members.size === 0) this.#remove(group);
  }

  #add(group: SubscriberGroup): void {
    this.#version += 1;
    this.#byKey.set(group.key, group);
    if (group.filter.isAll) {
      this.#ofAll.add(group);
      return;
    }
    for (const symbol of group.filter.names) {
      const list = this.#bySymbol.get(symbol);
      if (list === undefined) this.#bySymbol.set(symbol, [group]);
      else list.push(group);
    }
  }

  #remove(group: SubscriberGroup): void {
    this.#version += 1;
    this.#byKey.delete(group.key);
    if (group.filter.isAll) {
      this.#ofAll.delete(group);
      return;
    }
    for (const symbol of group.filter.names) {
      const rest = (this.#bySymbol.get(symbol) ?? []).filter((each) => each !== group);
      if (rest.length > 0) this.#bySymbol.set(symbol, rest);
      else this.#bySymbol.delete(symbol);
    }
  }
}
