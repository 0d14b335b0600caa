import { RowList } from '../../base/row-list.ts';
import { isEmptyFilter, type SymbolFilter } from '../../market/symbol-filter.ts';
import type { CodecName } from '../../protocol/version.ts';
import { NamingGroups } from './naming-groups.ts';

/** Delivery profile of a dashboard: equal profiles get the same bytes. */
export interface DeliveryProfile {
  readonly codec: CodecName;
  /** With `pos` after each array. */
  readonly withPositions: boolean;
  readonly filter: SymbolFilter;
}

/** `fromEntry` of a group for which nothing is pending. */
export const NOTHING_PENDING = -1;
/** `queuedAt` of a group that is not in the queue of its delivery. */
export const NOT_QUEUED = -1;

/** Subscriber group: dashboards that get the same frames. A class, for one object shape: it is read for every tick. */
export class SubscriberGroup<Member> {
  key: string;
  readonly codec: CodecName;
  withPositions: boolean;
  readonly isAll: boolean;
  readonly members: Set<Member> = new Set();
  /** First of the pending entries that has ticks for it. */
  fromEntry: number = NOTHING_PENDING;
  /** Index in the queue of its delivery. */
  queuedAt: number = NOT_QUEUED;
  /** Pending rows, where it names symbols. */
  readonly rows: RowList = new RowList();
  /** When it was served last, by the monotonic clock of the delivery. */
  servedMs: number = Number.NEGATIVE_INFINITY;
  /** Symbols that it names. */
  readonly naming: Set<NamingGroups<SubscriberGroup<Member>>> = new Set();
  /** Whether it has stayed as it is since the last merging. */
  isSettled = false;

  constructor(key: string, { codec, withPositions, filter }: DeliveryProfile) {
    this.key = key;
    this.codec = codec;
    this.withPositions = withPositions;
    this.isAll = filter.isAll;
  }
}

interface Membership<Member> {
  readonly group: SubscriberGroup<Member>;
  /** The very set of names that it joined by. */
  readonly names: ReadonlySet<string>;
}

/**
 * Subscriber groups, by profile and by the symbols that they name. A member that changes its names alone in its group
 * changes the group itself, for the cost of the names that changed; the group may then be equal to another, and the
 * two become one when the changes have ended. Pure.
 */
export class SubscriberGroups<Member> {
  readonly #byKey = new Map<string, SubscriberGroup<Member>>();
  readonly #bySymbol = new Map<string, NamingGroups<SubscriberGroup<Member>>>();
  readonly #ofAll = new Set<SubscriberGroup<Member>>();
  readonly #byMember = new Map<Member, Membership<Member>>();
  /** Groups that were changed themselves, and so may be equal to that of their key. */
  readonly #changed = new Set<SubscriberGroup<Member>>();
  readonly #flush: (group: SubscriberGroup<Member>) => void;
  #namesMoved = 0;

  /** @param flush called before the members or names of a group with members change, unless by {@link leave} */
  constructor(flush: (group: SubscriberGroup<Member>) => void = () => undefined) {
    this.#flush = flush;
  }

  get isEmpty(): boolean {
    return this.#byMember.size === 0;
  }

  /** Groups that get every symbol. */
  get ofAll(): Iterable<SubscriberGroup<Member>> {
    return this.#ofAll;
  }

  /** Work done so far: names that were put into groups or taken out of them. */
  get namesMoved(): number {
    return this.#namesMoved;
  }

  /** Groups that name the symbol: an array that may be kept, for it stays that of the symbol. */
  of(symbol: string): ReadonlyArray<SubscriberGroup<Member>> {
    const naming = this.#naming(symbol);
    naming.isHeld = true;
    return naming.groups;
  }

  groupOf(member: Member): SubscriberGroup<Member> | undefined {
    return this.#byMember.get(member)?.group;
  }

  /**
   * Puts a member into the group of its profile; into none where the profile names no symbol.
   * @param changed names that may have changed, where the profile has the same set of names as before
   */
  join(member: Member, profile: DeliveryProfile, changed: readonly string[] = []): void {
    const { filter } = profile;
    const membership = this.#byMember.get(member);
    if (isEmptyFilter(filter)) {
      if (membership !== undefined) this.#flush(membership.group);
      return this.leave(member);
    }
    const key = keyOf(profile);
    if (membership !== undefined) {
      const { group, names } = membership;
      if (group.key === key) return void this.#byMember.set(member, { group, names: filter.names });
      this.#flush(group);
      const isAlone = group.members.size === 1 && !group.isAll && !filter.isAll;
      if (isAlone && names === filter.names) return this.#change(group, key, profile, changed);
      this.leave(member);
    }
    let group = this.#byKey.get(key);
    if (group === undefined) {
      group = new SubscriberGroup(key, profile);
      this.#byKey.set(key, group);
      if (group.isAll) this.#ofAll.add(group);
      else for (const symbol of filter.names) this.#put(group, symbol);
    } else this.#flush(group);
    group.members.add(member);
    this.#byMember.set(member, { group, names: filter.names });
  }

  leave(member: Member): void {
    const group = this.#byMember.get(member)?.group;
    if (group === undefined) return;
    this.#byMember.delete(member);
    group.members.delete(member);
    if (group.members.size === 0) this.#remove(group);
  }

  /**
   * Merges groups that have become equal and were not changed since the last call.
   * @param maxNames stops after about so many names
   */
  mergeEqual(maxNames: number): void {
    let names = 0;
    let left = this.#changed.size;
    for (const group of this.#changed) {
      if (left === 0 || names >= maxNames) return;
      left -= 1;
      names += 1;
      this.#changed.delete(group);
      if (!group.isSettled) {
        group.isSettled = true;
        this.#changed.add(group);
        continue;
      }
      const into = this.#byKey.get(group.key);
      if (into === undefined) this.#byKey.set(group.key, group);
      else if (into !== group) {
        names += group.naming.size;
        this.#merge(group, into);
      }
    }
  }

  #merge(from: SubscriberGroup<Member>, into: SubscriberGroup<Member>): void {
    this.#flush(from);
    this.#flush(into);
    for (const member of from.members) {
      into.members.add(member);
      const names = this.#byMember.get(member)?.names;
      if (names !== undefined) this.#byMember.set(member, { group: into, names });
    }
    from.members.clear();
    this.#remove(from);
  }

  #change(
    group: SubscriberGroup<Member>,
    key: string,
    { withPositions, filter }: DeliveryProfile,
    changed: readonly string[],
  ): void {
    this.#forgetKey(group);
    group.key = key;
    group.withPositions = withPositions;
    group.isSettled = false;
    for (const symbol of changed) {
      if (filter.names.has(symbol)) this.#put(group, symbol);
      else this.#take(group, symbol);
    }
    if (!this.#byKey.has(key)) this.#byKey.set(key, group);
    this.#changed.add(group);
  }

  #forgetKey(group: SubscriberGroup<Member>): void {
    if (this.#byKey.get(group.key) === group) this.#byKey.delete(group.key);
  }

  #naming(symbol: string): NamingGroups<SubscriberGroup<Member>> {
    let naming = this.#bySymbol.get(symbol);
    if (naming === undefined) {
      naming = new NamingGroups(symbol);
      this.#bySymbol.set(symbol, naming);
    }
    return naming;
  }

  #put(group: SubscriberGroup<Member>, symbol: string): void {
    const naming = this.#naming(symbol);
    if (group.naming.has(naming)) return;
    this.#namesMoved += 1;
    naming.add(group);
    group.naming.add(naming);
  }

  #take(group: SubscriberGroup<Member>, symbol: string): void {
    const naming = this.#bySymbol.get(symbol);
    if (naming === undefined || !group.naming.delete(naming)) return;
    this.#takeOut(group, naming);
  }

  #takeOut(group: SubscriberGroup<Member>, naming: NamingGroups<SubscriberGroup<Member>>): void {
    this.#namesMoved += 1;
    naming.remove(group);
    if (naming.groups.length === 0 && !naming.isHeld) this.#bySymbol.delete(naming.symbol);
  }

  #remove(group: SubscriberGroup<Member>): void {
    this.#forgetKey(group);
    this.#changed.delete(group);
    this.#ofAll.delete(group);
    for (const naming of group.naming) this.#takeOut(group, naming);
    group.naming.clear();
  }
}

function keyOf({ codec, withPositions, filter }: DeliveryProfile): string {
  return `${codec} ${withPositions ? 'pos' : ''} ${filter.key}`;
}
