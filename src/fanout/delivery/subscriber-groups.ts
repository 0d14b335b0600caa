import { RowList } from '../../base/row-list.ts';
import { filterKey, isEmptyFilter, type SymbolFilter } from '../../market/symbol-filter.ts';
import type { CodecName } from '../../protocol/version.ts';

/** Delivery profile of a dashboard: equal profiles get the same bytes. */
export interface DeliveryProfile {
  readonly codec: CodecName;
  /** With `pos` after each array. */
  readonly withPositions: boolean;
  readonly filter: SymbolFilter;
}

/** `fromEntry` of a group for which nothing is pending. */
export const NOTHING_PENDING = -1;

/** Subscriber group: dashboards that get the same frames. A class, for one object shape: it is read for every tick. */
export class SubscriberGroup<Member> implements DeliveryProfile {
  readonly key: string;
  readonly codec: CodecName;
  readonly withPositions: boolean;
  readonly filter: SymbolFilter;
  readonly members: Set<Member> = new Set();
  /** First of the pending entries that has ticks for it. */
  fromEntry: number = NOTHING_PENDING;
  /** Pending rows, where it names symbols. */
  readonly rows: RowList = new RowList();
  /** When it was served last, by the monotonic clock of the delivery. */
  servedMs: number = Number.NEGATIVE_INFINITY;

  constructor(key: string, { codec, withPositions, filter }: DeliveryProfile) {
    this.key = key;
    this.codec = codec;
    this.withPositions = withPositions;
    this.filter = filter;
  }
}

/** Subscriber groups, by profile and by the symbols that they name. Pure. */
export class SubscriberGroups<Member> {
  readonly #byKey = new Map<string, SubscriberGroup<Member>>();
  readonly #bySymbol = new Map<string, Array<SubscriberGroup<Member>>>();
  readonly #ofAll = new Set<SubscriberGroup<Member>>();
  readonly #byMember = new Map<Member, SubscriberGroup<Member>>();
  #version = 0;

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Groups that get every symbol. */
  get ofAll(): Iterable<SubscriberGroup<Member>> {
    return this.#ofAll;
  }

  /** Changes with the groups, not with their members. */
  get version(): number {
    return this.#version;
  }

  /** Groups that name the symbol. */
  of(symbol: string): ReadonlyArray<SubscriberGroup<Member>> | undefined {
    return this.#bySymbol.get(symbol);
  }

  /** Puts a member into the group of its profile; into none where the profile names no symbol. */
  join(member: Member, profile: DeliveryProfile): void {
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

  leave(member: Member): void {
    const group = this.#byMember.get(member);
    if (group === undefined) return;
    this.#byMember.delete(member);
    group.members.delete(member);
    if (group.members.size === 0) this.#remove(group);
  }

  #add(group: SubscriberGroup<Member>): void {
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

  #remove(group: SubscriberGroup<Member>): void {
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
